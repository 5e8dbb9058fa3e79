# What a build made for size (CMAKE_BUILD_TYPE=MinSizeRel) adds to isotherm_flags; docs/packages.md
# has the figures.  Any compiler and linker will do; clang with lld makes the smallest program.
include(CheckLinkerFlag)

# Nothing unwinds the stack of a C program that never throws.
target_compile_options(isotherm_flags INTERFACE -fno-asynchronous-unwind-tables
                                                -fno-unwind-tables)
target_link_options(isotherm_flags INTERFACE -Wl,-z,noseparate-code -Wl,--hash-style=gnu)

# lld lays segments out without padding, whatever the size of a page; version 15 is the first whose
# packed relocations glibc takes.
# -DISOTHERM_LLD=OFF takes the compiler's own linker.
find_program(ISOTHERM_LLD NAMES ld.lld-16 ld.lld DOC "Linker for builds made for size, or OFF")
if(ISOTHERM_LLD)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/linker)
  file(CREATE_LINK ${ISOTHERM_LLD} ${CMAKE_BINARY_DIR}/linker/ld.lld SYMBOLIC)
  set(linker -fuse-ld=lld -B${CMAKE_BINARY_DIR}/linker)
  target_link_options(isotherm_flags INTERFACE ${linker} -Wl,--icf=safe -Wl,-O2)
elseif(CMAKE_SYSTEM_PROCESSOR STREQUAL aarch64) # pages of 4 and 16 kB; no room for those of 64 kB
  target_link_options(isotherm_flags INTERFACE -Wl,-z,max-page-size=16384)
endif()

# The relocations of a program that may lie anywhere, in a bit each; glibc takes them since 2.36.
set(CMAKE_REQUIRED_LINK_OPTIONS ${linker} -Wl,--fatal-warnings)
check_linker_flag(C -Wl,-z,pack-relative-relocs ISOTHERM_HAS_RELR)
unset(CMAKE_REQUIRED_LINK_OPTIONS)
if(ISOTHERM_HAS_RELR)
  target_link_options(isotherm_flags INTERFACE -Wl,-z,pack-relative-relocs)
endif()

# The whole program at once: what is called from one place is no function any more, and what many
# functions repeat becomes one.
if(ISOTHERM_LLD AND CMAKE_C_COMPILER_ID STREQUAL Clang)
  target_compile_options(isotherm_flags INTERFACE -Oz -flto)
  target_link_options(isotherm_flags INTERFACE -Oz -flto)
endif()
