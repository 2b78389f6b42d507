# The example server as its users meet it, where it could be built.
find_package(Python 3.9 QUIET COMPONENTS Interpreter)
if(TARGET semblance_server AND Python_FOUND AND NOT SEMBLANCE_SANITIZE)
  add_test(NAME Server.AnswersItsClientsWithTheLibrarysBits
    COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/run.sh ${PROJECT_BINARY_DIR}/server-python
            $<TARGET_FILE:semblance_server> $<TARGET_FILE:semblance_program>)
  set_tests_properties(Server.AnswersItsClientsWithTheLibrarysBits PROPERTIES
    TIMEOUT 900 SKIP_RETURN_CODE 77)
endif()
