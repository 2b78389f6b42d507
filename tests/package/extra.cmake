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

# As a Debian package with its pkg-config file, and by FetchContent.
if(SEMBLANCE_INSTALL)
  add_test(NAME Package.debian_pkg_config_fetch_content
    COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/check_packages.sh ${PROJECT_SOURCE_DIR}
            ${PROJECT_BINARY_DIR}/packages ${CMAKE_CXX_COMPILER} ${CMAKE_GENERATOR})
  set_tests_properties(Package.debian_pkg_config_fetch_content PROPERTIES
    TIMEOUT 900 SKIP_RETURN_CODE 77)
endif()
