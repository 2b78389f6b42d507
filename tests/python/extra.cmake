# The Python package, built and installed as pip does it; without the peers that take gigabytes.
find_package(Python 3.9 QUIET COMPONENTS Interpreter Development.Module)
if(Python_FOUND AND NOT SEMBLANCE_SANITIZE)
  add_test(NAME Python.ThePackageDoesAsSentenceTransformersDoes
    COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/run.sh ${PROJECT_BINARY_DIR}/python)
  set_tests_properties(Python.ThePackageDoesAsSentenceTransformersDoes PROPERTIES
    TIMEOUT 1200 SKIP_RETURN_CODE 77)
endif()
