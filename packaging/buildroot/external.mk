include $(sort $(wildcard $(BR2_EXTERNAL_ISOTHERM_PATH)/package/*/*.mk))
