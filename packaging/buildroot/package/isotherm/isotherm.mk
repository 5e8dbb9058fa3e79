################################################################################
#
# isotherm
#
################################################################################

ISOTHERM_VERSION = 0.1.0
# The sources are those that this external tree lies in.
ISOTHERM_SITE = $(BR2_EXTERNAL_ISOTHERM_PATH)/../..
ISOTHERM_SITE_METHOD = local
ISOTHERM_LICENSE = Apache-2.0
ISOTHERM_LICENSE_FILES = LICENSE
ISOTHERM_DEPENDENCIES = host-pkgconf cjson libuv libyaml mosquitto sqlite xxhash
ISOTHERM_EXCLUSIONS = build dist

ISOTHERM_CONF_OPTS = \
	-DISOTHERM_TESTS=OFF \
	-DISOTHERM_WERROR=OFF \
	-DISOTHERM_DRIVER_TEMPLATE=OFF \
	-DISOTHERM_UNIT_DIR=usr/lib/systemd/system \
	-DISOTHERM_SYSTEMD=$(if $(BR2_INIT_SYSTEMD),ON,OFF)

ifeq ($(BR2_PACKAGE_ISOTHERM_TLS),y)
ISOTHERM_CONF_OPTS += -DISOTHERM_TLS=ON
ISOTHERM_DEPENDENCIES += openssl
else
ISOTHERM_CONF_OPTS += -DISOTHERM_TLS=OFF
endif

ifeq ($(BR2_PACKAGE_ISOTHERM_COAP),y)
ISOTHERM_CONF_OPTS += -DISOTHERM_DRIVER_COAP=ON
ISOTHERM_DEPENDENCIES += libcoap
else
ISOTHERM_CONF_OPTS += -DISOTHERM_DRIVER_COAP=OFF
endif

define ISOTHERM_USERS
	isotherm -1 isotherm -1 * /var/lib/isotherm - dialout Isotherm agent
endef

define ISOTHERM_PERMISSIONS
	/var/lib/isotherm d 0750 isotherm isotherm - - - - -
endef

define ISOTHERM_MAKE_STATE
	$(INSTALL) -d $(TARGET_DIR)/var/lib/isotherm
endef
ISOTHERM_POST_INSTALL_TARGET_HOOKS += ISOTHERM_MAKE_STATE

define ISOTHERM_INSTALL_INIT_SYSV
	$(INSTALL) -D -m 0755 $(BR2_EXTERNAL_ISOTHERM_PATH)/package/isotherm/S99isotherm \
		$(TARGET_DIR)/etc/init.d/S99isotherm
endef

$(eval $(cmake-package))
