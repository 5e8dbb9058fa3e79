SUMMARY = "Temperature agent for factory gateways"
DESCRIPTION = "Takes in temperature readings over MQTT, CoAP and serial lines, keeps windowed \
summaries in fixed memory, and forwards them to a central broker."
HOMEPAGE = "https://example.org/isotherm"
SECTION = "net"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://LICENSE;md5=3b83ef96387f14655fc854ddc3c6bd57"

DEPENDS = "cjson libuv libyaml mosquitto sqlite3 xxhash"

# The sources are those that the layer lies in.
SRC_URI = ""
inherit externalsrc
EXTERNALSRC = "${@os.path.realpath(d.getVar('THISDIR') + '/../../../../..')}"

inherit cmake pkgconfig systemd useradd

PACKAGECONFIG ??= "tls coap ${@bb.utils.filter('DISTRO_FEATURES', 'systemd', d)}"
PACKAGECONFIG[tls] = "-DISOTHERM_TLS=ON,-DISOTHERM_TLS=OFF,openssl"
PACKAGECONFIG[coap] = "-DISOTHERM_DRIVER_COAP=ON,-DISOTHERM_DRIVER_COAP=OFF,libcoap"
PACKAGECONFIG[systemd] = "-DISOTHERM_SYSTEMD=ON,-DISOTHERM_SYSTEMD=OFF"

EXTRA_OECMAKE = " \
    -DISOTHERM_TESTS=OFF \
    -DISOTHERM_WERROR=OFF \
    -DISOTHERM_DRIVER_TEMPLATE=OFF \
    -DISOTHERM_UNIT_DIR=${systemd_system_unitdir} \
"

SYSTEMD_SERVICE:${PN} = "isotherm.service"

USERADD_PACKAGES = "${PN}"
GROUPADD_PARAM:${PN} = "--system isotherm"
USERADD_PARAM:${PN} = "--system --home-dir ${localstatedir}/lib/isotherm --no-create-home --shell /bin/nologin --gid isotherm --groups dialout isotherm"

FILES:${PN} += "${datadir}/bash-completion"
CONFFILES:${PN} = "${sysconfdir}/isotherm/isotherm.yaml"
