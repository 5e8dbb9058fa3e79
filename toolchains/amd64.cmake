# x86-64 machines, Debian's amd64; against a sysroot of its own, so that a package does not depend
# on what happens to be installed on the machine that builds it.
set(ISOTHERM_ARCH amd64)
set(ISOTHERM_TRIPLE x86_64-linux-gnu)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
include(${CMAKE_CURRENT_LIST_DIR}/cross.cmake)
