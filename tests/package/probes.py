"""What the unit's sandbox forbids and what it must allow, as shell commands of the service's user."""

PROBES = {  # each must fail
    "write to /etc": "touch /etc/isotherm/probe",
    "write to /usr": "touch /usr/bin/probe",
    "write to /run": "touch /run/probe",
    "read /root": "ls /root",
    "tune the kernel": "echo 1 >/proc/sys/vm/swappiness",
    "see other processes": "test -e /proc/1/status",
    "make a device": "mknod /tmp/probe c 1 3",
    "mount": "perl -e 'syscall(165, \"tmpfs\", \"/tmp\", \"tmpfs\", 0, 0) == 0 or die $!'",
    "a set-user-id file": "cp /bin/true /tmp/probe; chmod u+s /tmp/probe",
    "a raw socket": "perl -e 'socket(S, 17, 3, 0) or die $!'",
    "a netlink socket": "perl -e 'socket(S, 16, 3, 0) or die $!'",
    "set the clock": "date --set=2001-01-01",
    "another priority": "nice -n -5 true 2>/tmp/said; test ! -s /tmp/said",
    "reboot": "perl -e 'syscall(169, 0xfee1dead, 672274793, 0, 0) == 0 or die $!'",
}
ALLOWED = ("touch /var/lib/isotherm/probe && rm /var/lib/isotherm/probe && touch /tmp/probe && "
           "test -c /dev/null && perl -e 'socket(S, 2, 1, 0) or die $!' && "
           "test $(stat -c %a /var/lib/isotherm) = 750")
# In the service's own user namespace this group has no name, but counts all the same.
IN_DIALOUT = "id -nG | grep -q dialout"
# Only where nothing but the allowed devices is put into /dev; systemd shows the others, and keeps
# them shut.
DEVICES_SHOWN = {
    "see other devices": "ls /dev | grep -Evx 'null|zero|full|random|urandom|tty'",
}
