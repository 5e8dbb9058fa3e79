"""Is another user kept from the agent's control socket, even where its file is open to all, and a
member of its group not?

Row 87 of docs/faults.md.  Needs root, to become somebody else.
"""

import os
import subprocess

from harness import (ISOTHERM, Client, Place, mqtt_source, skip, small_config, wait_until)

NOBODY = 65534


def main():
    if os.geteuid() != 0:
        skip("only root can become another user")
    with Place() as place:
        broker = place.broker()
        path = place.path / "control.sock"
        agent = place.agent(small_config(
            [mqtt_source(broker, [{"topic": "f/+device"}])], broker,
            control={"socket": str(path)}, alarms=[{"name": "hot", "devices": "*", "high": 50}]))
        agent.wait_connected()
        client = Client(broker).wait()
        place.things.append(client)
        client.publish_all([("f/oven", "60")])
        wait_until("the alarm", lambda: agent.status()["alarms_active"] == 1)
        agent.config_path.chmod(0o644)

        def as_nobody(*arguments, groups=()):
            return subprocess.run([ISOTHERM, *arguments, "-c", str(agent.config_path)],
                                  capture_output=True, text=True, check=False, timeout=120,
                                  env=agent.environment, user=NOBODY, group=NOBODY,
                                  extra_groups=groups)

        member = as_nobody("status", "--json", groups=[os.getegid()])
        assert member.returncode == 0 and '"line-7"' in member.stdout, member

        asked = (("status", "--json"), ("status", "--devices"), ("tail",),
                 ("alarms", "ack", "oven/hot/H"))
        for mode, why in ((0o660, "the mode of the file"), (0o666, "who is at the other end")):
            path.chmod(mode)
            for arguments in asked:
                done = as_nobody(*arguments)
                assert done.returncode == 69 and done.stdout == "", (why, arguments, done)
                assert "permission denied" in done.stderr, (why, arguments, done)
        listed = agent.run("alarms", "-c", str(agent.config_path)).stdout
        assert "UNACK" in listed.upper(), listed  # nobody's acknowledgement changed nothing
        assert agent.status()["alarms_active"] == 1
        assert agent.terminate() == 0


main()
