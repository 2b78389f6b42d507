# Every code block of README.md and of the guide compiles and runs.
if(SEMBLANCE_BUILD_EXAMPLES)
  add_test(NAME Readme.EveryCodeBlockCompilesAndRuns
    COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/check_readme.sh ${PROJECT_SOURCE_DIR}
            $<TARGET_FILE:semblance_program> ${PROJECT_BINARY_DIR}/readme ${CMAKE_CXX_COMPILER}
            "-I$<JOIN:$<TARGET_PROPERTY:semblance_headers_alone,INCLUDE_DIRECTORIES>,;-I>"
    COMMAND_EXPAND_LISTS)
  set_tests_properties(Readme.EveryCodeBlockCompilesAndRuns PROPERTIES
    TIMEOUT 900 ENVIRONMENT "CMAKE_GENERATOR=${CMAKE_GENERATOR}")
endif()
