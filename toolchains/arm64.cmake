# 64-bit ARM boards, Debian's arm64.
set(ISOTHERM_ARCH arm64)
set(ISOTHERM_TRIPLE aarch64-linux-gnu)
set(ISOTHERM_QEMU qemu-aarch64)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
include(${CMAKE_CURRENT_LIST_DIR}/cross.cmake)
