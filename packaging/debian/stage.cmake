# Runs inside cpack between the installation into the staging folder and the making of the package:
# puts in what only a .deb has, writes down what the program is linked with, and sets every time
# to that of the commit, so that the same commit gives the same bytes.
set(stage ${CPACK_TEMPORARY_INSTALL_DIRECTORY})
set(source ${CPACK_ISOTHERM_SOURCE_DIR})
set(doc ${stage}/usr/share/doc/isotherm)

function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
endfunction()

if(NOT DEFINED ENV{SOURCE_DATE_EPOCH})
  message(FATAL_ERROR "SOURCE_DATE_EPOCH is not set; scripts/package sets it")
endif()

# --- documents, as Debian wants them
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE ${doc}/changelog.Debian
     "isotherm (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) bookworm; urgency=medium

  * See changelog.gz.

 -- ${CPACK_DEBIAN_PACKAGE_MAINTAINER}  ${date}
")
file(COPY ${source}/packaging/debian/copyright DESTINATION ${doc})
# There is no bug in Debian's tracker to close: the package is not uploaded there.
file(WRITE ${stage}/usr/share/lintian/overrides/isotherm
     "isotherm: initial-upload-closes-no-bugs\n")
configure_file(${source}/CHANGELOG.md ${doc}/changelog COPYONLY)
run(gzip -9nf ${doc}/changelog ${doc}/changelog.Debian ${stage}/usr/share/man/man1/isotherm.1)

# --- the program, without what only a debugger needs; that is kept beside the package
set(program ${stage}/usr/bin/isotherm)
run(${CPACK_ISOTHERM_OBJCOPY} --only-keep-debug --compress-debug-sections ${program}
    ${CPACK_ISOTHERM_BINARY_DIR}/isotherm.debug)
run(${CPACK_ISOTHERM_STRIP} --strip-unneeded --remove-section=.comment ${program})

# --- dependencies, from the libraries that the program names
execute_process(COMMAND readelf -d ${program} OUTPUT_VARIABLE dynamic
                COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "\\(NEEDED\\)[^\n]*" needed "${dynamic}")
file(STRINGS ${source}/packaging/debian/libraries.txt libraries REGEX "^[^#]")
set(depends adduser "init-system-helpers (>= 1.54~)")
foreach(line ${needed})
  string(REGEX REPLACE ".*\\[(.*)\\].*" "\\1" soname "${line}")
  set(found "")
  foreach(entry ${libraries})
    string(REGEX MATCH "^([^ ]+) +(.+)$" matched "${entry}")
    if(CMAKE_MATCH_1 STREQUAL soname)
      set(found "${CMAKE_MATCH_2}")
    endif()
  endforeach()
  if(found STREQUAL "")
    message(FATAL_ERROR "${soname} is not in packaging/debian/libraries.txt")
  endif()
  if(NOT found STREQUAL "libc6")
    list(APPEND depends "${found}")
  endif()
endforeach()
list(SORT depends)
list(JOIN depends ", " CPACK_DEBIAN_PACKAGE_DEPENDS)

# --- bill of materials, in the package and beside it
set(sysroot "")
if(CPACK_ISOTHERM_SYSROOT)
  set(sysroot --sysroot ${CPACK_ISOTHERM_SYSROOT})
endif()
execute_process(
  COMMAND ${source}/packaging/sbom.py --program ${program} ${sysroot}
          --version ${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}
          --architecture ${CPACK_ISOTHERM_ARCHITECTURE} --compiler ${CPACK_ISOTHERM_COMPILER}
  OUTPUT_FILE ${doc}/isotherm.spdx.json COMMAND_ERROR_IS_FATAL ANY)
file(COPY ${doc}/isotherm.spdx.json DESTINATION ${CPACK_ISOTHERM_BINARY_DIR})

# --- modes and times
file(GLOB_RECURSE entries LIST_DIRECTORIES true ${stage}/*)
run(chmod -R u+rwX,go+rX,go-w ${stage})
foreach(entry ${entries})
  run(touch -hd @$ENV{SOURCE_DATE_EPOCH} ${entry})
endforeach()
