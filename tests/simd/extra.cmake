# The same bits from both compilers, with and without a user's flags, and from AArch64 under qemu.
function(semblance_add_bits_test name compiler flags launcher)
  add_test(NAME simd_bits.${name}
    COMMAND ${CMAKE_COMMAND} -DCOMPILER=${compiler} "-DFLAGS=${flags}" "-DLAUNCHER=${launcher}"
      -DSOURCE_DIR=${PROJECT_SOURCE_DIR} -DOUTPUT=${CMAKE_CURRENT_BINARY_DIR}/kernel_bits_${name}
      -P ${PROJECT_SOURCE_DIR}/tests/simd/kernel_bits.cmake)
  set_tests_properties(simd_bits.${name} PROPERTIES TIMEOUT 900)
endfunction()

find_program(SEMBLANCE_GXX NAMES g++)
find_program(SEMBLANCE_CLANGXX NAMES clang++)
find_program(SEMBLANCE_AARCH64_GXX NAMES aarch64-linux-gnu-g++)
find_program(SEMBLANCE_QEMU_AARCH64 NAMES qemu-aarch64-static qemu-aarch64)
if(SEMBLANCE_GXX)
  semblance_add_bits_test(gxx_o2 ${SEMBLANCE_GXX} "-O2" "")
  semblance_add_bits_test(gxx_o3_native ${SEMBLANCE_GXX} "-O3;-march=native" "")
endif()
if(SEMBLANCE_CLANGXX)
  semblance_add_bits_test(clangxx_o2 ${SEMBLANCE_CLANGXX} "-O2" "")
  semblance_add_bits_test(clangxx_o3_native ${SEMBLANCE_CLANGXX} "-O3;-march=native" "")
  semblance_add_bits_test(clangxx_o3_contract ${SEMBLANCE_CLANGXX}
    "-O3;-march=native;-ffp-contract=fast" "")
endif()
if(SEMBLANCE_AARCH64_GXX AND SEMBLANCE_QEMU_AARCH64)
  semblance_add_bits_test(aarch64_o2 ${SEMBLANCE_AARCH64_GXX} "-O2;-static"
    ${SEMBLANCE_QEMU_AARCH64})
  # A CPU without SDOT.
  semblance_add_bits_test(aarch64_without_dot_product ${SEMBLANCE_AARCH64_GXX} "-O1;-static"
    "${SEMBLANCE_QEMU_AARCH64};-cpu;cortex-a57")
endif()

# Wide instructions stay where they belong.
find_program(SEMBLANCE_OBJDUMP NAMES objdump)
if(SEMBLANCE_OBJDUMP AND CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  foreach(compiler IN ITEMS GXX CLANGXX)
    foreach(level IN ITEMS O0 O2)
      if(SEMBLANCE_${compiler})
        set(name simd_wide_instructions.${compiler}_${level})
        add_test(NAME ${name}
          COMMAND ${CMAKE_COMMAND} -DCOMPILER=${SEMBLANCE_${compiler}} -DFLAGS=-${level}
            -DSOURCE_DIR=${PROJECT_SOURCE_DIR} -DOUTPUT=${CMAKE_CURRENT_BINARY_DIR}/${name}.o
            -P ${PROJECT_SOURCE_DIR}/tests/simd/wide_instructions.cmake)
        set_tests_properties(${name} PROPERTIES TIMEOUT 900)
      endif()
    endforeach()
  endforeach()
endif()
