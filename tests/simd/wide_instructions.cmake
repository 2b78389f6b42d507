# cmake -DCOMPILER=... -DFLAGS=... -DSOURCE_DIR=... -DOUTPUT=... -P wide_instructions.cmake
# A plain build must keep AVX and AVX-512 inside semblance::simd::avx2 and avx512: a wide register in
# any other function, such as a shared std:: template, would crash the program on older CPUs.
execute_process(
  COMMAND ${COMPILER} -std=c++20 ${FLAGS} -I${SOURCE_DIR}/include -I${SOURCE_DIR}/tests -c
          ${SOURCE_DIR}/tests/simd/kernel_bits.cpp -o ${OUTPUT}
  RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "${COMPILER} ${FLAGS} does not compile kernel_bits.cpp")
endif()
# Prints the functions that touch a ymm or zmm register, or a VEX-encoded xmm.
set(program [=[
/^[0-9a-f]+ <.*>:$/ { name = $0; next }
/%[yz]mm|\tv[a-z0-9]+ .*%xmm/ { if (name != last) { print name; last = name } }
]=])
execute_process(COMMAND objdump -d -C --no-show-raw-insn ${OUTPUT}
  COMMAND awk "${program}" OUTPUT_VARIABLE wide RESULT_VARIABLE failed)
string(REGEX MATCHALL "[^\n]+\n" lines "${wide}")
list(LENGTH lines count)
if(failed OR count LESS 40)
  message(FATAL_ERROR "expected the kernels of two targets, found ${count} functions")
endif()
foreach(line IN LISTS lines)
  if(NOT line MATCHES "semblance::simd::avx(2|512)::")
    message(FATAL_ERROR "wide instructions outside their target: ${line}")
  endif()
endforeach()
