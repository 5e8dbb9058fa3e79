# What a build made for size (CMAKE_BUILD_TYPE=MinSizeRel) adds to isotherm_flags; docs/packages.md
# has the figures.  Any compiler and linker will do; clang with lld makes the smallest program.
include(CheckCSourceCompiles)

# Nothing unwinds the stack of a C program that never throws.
target_compile_options(isotherm_flags INTERFACE -fno-asynchronous-unwind-tables
                                                -fno-unwind-tables)
target_link_options(isotherm_flags INTERFACE -Wl,-z,noseparate-code)

# lld lays segments out without padding, whatever the size of a page; version 15 is the first whose
# packed relocations glibc takes.  gcc takes it only where -DISOTHERM_LLD= names it.
if(CMAKE_C_COMPILER_ID STREQUAL Clang)
  find_program(ISOTHERM_LLD NAMES ld.lld-16 ld.lld DOC "Linker for builds made for size, or OFF")
endif()
if(ISOTHERM_LLD)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/linker)
  file(CREATE_LINK ${ISOTHERM_LLD} ${CMAKE_BINARY_DIR}/linker/ld.lld SYMBOLIC)
  set(linker -fuse-ld=lld -B${CMAKE_BINARY_DIR}/linker)
  target_link_options(isotherm_flags INTERFACE ${linker} -Wl,--icf=safe -Wl,-O2)
elseif(CMAKE_SYSTEM_PROCESSOR STREQUAL aarch64) # pages of 4 and 16 kB; no room for those of 64 kB
  target_link_options(isotherm_flags INTERFACE -Wl,-z,max-page-size=16384)
endif()

# The relocations of a program that may lie anywhere, in a bit each: where the linker can, and the
# loader of the target, which is glibc's since 2.36.
set(CMAKE_REQUIRED_LINK_OPTIONS ${linker} -Wl,-z,pack-relative-relocs,--fatal-warnings)
check_c_source_compiles("
  #include <features.h>
  #if !defined(__GLIBC__) || !__GLIBC_PREREQ(2, 36)
  #error \"not known to take them\"
  #endif
  int main(void) { return 0; }" ISOTHERM_HAS_RELR)
unset(CMAKE_REQUIRED_LINK_OPTIONS)
if(ISOTHERM_HAS_RELR)
  target_link_options(isotherm_flags INTERFACE -Wl,-z,pack-relative-relocs)
endif()

# The whole program at once: what is called from one place is no function any more, and what many
# functions repeat becomes one.  A copy of a function must be smaller than the call by itself.
if(ISOTHERM_LLD AND CMAKE_C_COMPILER_ID STREQUAL Clang)
  target_compile_options(isotherm_flags INTERFACE -Oz -flto)
  target_link_options(isotherm_flags INTERFACE -Oz -flto -Wl,--hash-style=gnu
                      -Wl,-mllvm,-inline-threshold=-20)
endif()
