# A project of its own finds Semblance installed, or takes its source tree.
foreach(mode IN ITEMS installed subdirectory)
  if(mode STREQUAL installed AND NOT SEMBLANCE_INSTALL)
    continue()
  endif()
  add_test(NAME Package.${mode}
    COMMAND ${CMAKE_COMMAND} -D MODE=${mode} -D BUILD=${PROJECT_BINARY_DIR}
            -D SOURCE=${PROJECT_SOURCE_DIR} -D GENERATOR=${CMAKE_GENERATOR}
            -D COMPILER=${CMAKE_CXX_COMPILER} -P ${CMAKE_CURRENT_LIST_DIR}/build_consumer.cmake)
  set_tests_properties(Package.${mode} PROPERTIES TIMEOUT 900)
endforeach()
