# cmake -DCOMPILER=... -DFLAGS=... -DLAUNCHER=... -DSOURCE_DIR=... -DOUTPUT=... -P kernel_bits.cmake
# Compiles kernel_bits.cpp, runs it and compares what it prints with kernel_bits.txt.
execute_process(
  COMMAND ${COMPILER} -std=c++20 ${FLAGS} -I${SOURCE_DIR}/include -I${SOURCE_DIR}/tests
          ${SOURCE_DIR}/tests/simd/kernel_bits.cpp -o ${OUTPUT}
  RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "${COMPILER} ${FLAGS} does not compile kernel_bits.cpp")
endif()
execute_process(COMMAND ${LAUNCHER} ${OUTPUT} OUTPUT_VARIABLE found RESULT_VARIABLE failed)
file(READ ${SOURCE_DIR}/tests/simd/kernel_bits.txt expected)
if(failed OR NOT found STREQUAL expected)
  message(FATAL_ERROR "${COMPILER} ${FLAGS}: expected\n${expected}found\n${found}")
endif()
