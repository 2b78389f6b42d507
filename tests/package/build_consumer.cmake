# Builds and runs consumer/ against Semblance, as a package installed to a folder of its own or from
# the source tree.
#   cmake -D MODE=installed|subdirectory -D BUILD=<build> -D SOURCE=<source> -D GENERATOR=...
#         -D COMPILER=... -P build_consumer.cmake
set(scratch ${BUILD}/package-${MODE})
file(REMOVE_RECURSE ${scratch})

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

set(where -D SEMBLANCE_SOURCE=${SOURCE})
if(MODE STREQUAL installed)
  run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${scratch}/prefix)
  set(where -D CMAKE_PREFIX_PATH=${scratch}/prefix)
endif()
run(${CMAKE_COMMAND} -S ${SOURCE}/tests/package/consumer -B ${scratch}/build -G ${GENERATOR}
  -D CMAKE_CXX_COMPILER=${COMPILER} ${where})
run(${CMAKE_COMMAND} --build ${scratch}/build)
set(model ${SOURCE}/examples/default_model)
if(MODE STREQUAL installed)
  set(model ${scratch}/prefix/share/semblance/default_model)
endif()
foreach(program_and_model "consumer;${model}" "carrying_consumer;inside"
                          "consumer_of_carrying;inside" "compiled_consumer;${model}")
  list(GET program_and_model 0 program)
  list(GET program_and_model 1 expected)
  run(${scratch}/build/${program} ${SOURCE}/tests/golden/models/bert-mlm)
  if(NOT output MATCHES
     "^one pool: 1, similarity: (1|0\\.99999[0-9]*)\ndefault model: ([^\n]*), 512\n$" OR
     NOT CMAKE_MATCH_2 STREQUAL expected)
    message(FATAL_ERROR "${program} printed: ${output}")
  endif()
endforeach()
file(REMOVE_RECURSE ${scratch})
