# cmake -DPROGRAM=... -DNAME=... -P compare.cmake: plays NAME.csv with NAME.yaml and compares every
# byte with NAME.expected; with ISOTHERM_UPDATE in the environment it writes that file anew.
set(folder ${CMAKE_CURRENT_LIST_DIR})
execute_process(
  COMMAND ${PROGRAM} replay --quiet -c ${NAME}.yaml -l {time},{device},{value} ${NAME}.csv
  WORKING_DIRECTORY ${folder} OUTPUT_VARIABLE found ERROR_QUIET RESULT_VARIABLE code)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "isotherm replay: exit ${code}")
endif()
if(DEFINED ENV{ISOTHERM_UPDATE})
  file(WRITE ${folder}/${NAME}.expected "${found}")
  return()
endif()
file(READ ${folder}/${NAME}.expected expected)
if(NOT found STREQUAL expected)
  file(WRITE ${NAME}.found "${found}")
  execute_process(COMMAND diff -u ${folder}/${NAME}.expected ${NAME}.found OUTPUT_VARIABLE differ)
  string(SUBSTRING "${differ}" 0 4000 differ)
  message(FATAL_ERROR "records differ from tests/golden/${NAME}.expected\n${differ}\n"
                      "If that is meant: ISOTHERM_UPDATE=1 ctest --preset dev -L golden, "
                      "and read the diff like code.")
endif()
