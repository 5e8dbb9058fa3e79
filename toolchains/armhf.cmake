# 32-bit ARM boards with a floating point unit, Debian's armhf.  64-bit times and file sizes are
# set in CMakeLists.txt for every 32-bit target.
set(ISOTHERM_ARCH armhf)
set(ISOTHERM_TRIPLE arm-linux-gnueabihf)
set(ISOTHERM_QEMU qemu-arm)
set(ISOTHERM_CPU "-march=armv7-a -mfpu=vfpv3-d16 -mthumb")
set(CMAKE_SYSTEM_PROCESSOR arm)
include(${CMAKE_CURRENT_LIST_DIR}/cross.cmake)
