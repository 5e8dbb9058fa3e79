# What every cross build shares.  The including file sets ISOTHERM_ARCH, ISOTHERM_TRIPLE, where this
# machine cannot run the programs itself ISOTHERM_QEMU, and ISOTHERM_CPU where clang must be told what
# Debian's gcc knows; the sysroot comes from -DSYSROOT=, the environment, or the place where
# scripts/sysroot puts it.
set(CMAKE_SYSTEM_NAME Linux)
if(ISOTHERM_CLANG) # -DISOTHERM_CLANG=ON: one compiler for every target
  set(CMAKE_C_COMPILER clang)
  set(CMAKE_C_COMPILER_TARGET ${ISOTHERM_TRIPLE})
  set(CMAKE_C_FLAGS_INIT "${ISOTHERM_CPU}")
else()
  set(CMAKE_C_COMPILER ${ISOTHERM_TRIPLE}-gcc)
endif()
set(CMAKE_LIBRARY_ARCHITECTURE ${ISOTHERM_TRIPLE})

if(NOT SYSROOT)
  if(DEFINED ENV{SYSROOT})
    set(SYSROOT $ENV{SYSROOT})
  else()
    get_filename_component(SYSROOT ${CMAKE_CURRENT_LIST_DIR}/../build/sysroot-${ISOTHERM_ARCH}
                           ABSOLUTE)
  endif()
endif()
set(SYSROOT ${SYSROOT} CACHE PATH "Libraries of the target")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES SYSROOT ISOTHERM_CLANG)
if(NOT EXISTS ${SYSROOT}/usr/include)
  message(FATAL_ERROR "no sysroot at ${SYSROOT}; scripts/sysroot ${ISOTHERM_ARCH} makes it")
endif()

set(CMAKE_SYSROOT ${SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_DIR} "")
set(ENV{PKG_CONFIG_LIBDIR}
    ${SYSROOT}/usr/lib/${ISOTHERM_TRIPLE}/pkgconfig:${SYSROOT}/usr/share/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${SYSROOT})
if(ISOTHERM_QEMU)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${ISOTHERM_QEMU};-L;${SYSROOT})
endif()
set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE ${ISOTHERM_ARCH})
