# Each *_fuzz.cpp is a target. semblance_fuzz_tests holds all of them and replays corpus/; with
# SEMBLANCE_BUILD_FUZZERS, each is a libFuzzer program of its own too (clang only):
#   cmake -B build/fuzzers -DCMAKE_CXX_COMPILER=clang++ -DSEMBLANCE_BUILD_TESTS=ON
#     -DSEMBLANCE_BUILD_FUZZERS=ON -DSEMBLANCE_SANITIZE=address,undefined
#   bash tests/fuzz/run_fuzzers.sh build/fuzzers 600
file(GLOB fuzz_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*_fuzz.cpp)
target_sources(semblance_fuzz_tests PRIVATE ${fuzz_sources})
# Each names its target alike, as a program of its own may.
set_source_files_properties(${fuzz_sources} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)

option(SEMBLANCE_BUILD_FUZZERS "Build the libFuzzer programs" OFF)
if(SEMBLANCE_BUILD_FUZZERS)
  # The compiled form, built so that libFuzzer sees into every line of it too.
  add_library(semblance_fuzz_compiled STATIC ${compiled_sources})
  target_compile_definitions(semblance_fuzz_compiled PUBLIC SEMBLANCE_COMPILED)
  target_link_libraries(semblance_fuzz_compiled PUBLIC semblance::semblance semblance_own_flags)
  target_compile_options(semblance_fuzz_compiled PRIVATE -fsanitize=fuzzer-no-link)
  foreach(source IN LISTS fuzz_sources)
    get_filename_component(name ${source} NAME_WE)
    string(REGEX REPLACE "_fuzz$" "" name ${name})
    add_executable(semblance_fuzz_${name} ${source} ${CMAKE_CURRENT_LIST_DIR}/fuzzer_main.cpp)
    target_link_libraries(semblance_fuzz_${name} PRIVATE semblance_fuzz_compiled GTest::gtest)
    target_include_directories(semblance_fuzz_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_compile_definitions(semblance_fuzz_${name} PRIVATE
      SEMBLANCE_TEST_DATA="${CMAKE_CURRENT_SOURCE_DIR}")
    target_compile_options(semblance_fuzz_${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(semblance_fuzz_${name} PRIVATE -fsanitize=fuzzer)
    list(APPEND fuzzers semblance_fuzz_${name})
  endforeach()
  add_custom_target(semblance_fuzzers DEPENDS ${fuzzers})
endif()
