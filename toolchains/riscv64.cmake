# 64-bit RISC-V boards, Debian's riscv64.  Debian 12 has the compiler but not the libraries, so the
# sysroot is Debian 13's; built and tried, not released.
set(ISOTHERM_ARCH riscv64)
set(ISOTHERM_TRIPLE riscv64-linux-gnu)
set(ISOTHERM_QEMU qemu-riscv64)
set(CMAKE_SYSTEM_PROCESSOR riscv64)
include(${CMAKE_CURRENT_LIST_DIR}/cross.cmake)
