# Each header compiles alone, and bears being included twice. Kernel bodies (.inl.h) are no headers:
# each target includes them inside its own region.
file(GLOB_RECURSE headers CONFIGURE_DEPENDS
  RELATIVE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/include/semblance/*.h)
list(FILTER headers EXCLUDE REGEX "\\.inl\\.h$")
# Kernels need the intrinsics of their own architecture.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(FILTER headers EXCLUDE REGEX "simd/targets/neon\\.h$")
else()
  list(FILTER headers EXCLUDE REGEX "simd/targets/avx[^/]*\\.h$")
endif()
set(sources)
foreach(header IN LISTS headers)
  string(REPLACE "/" "_" name ${header})
  set(source ${CMAKE_CURRENT_BINARY_DIR}/headers/${name}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${header}\"\n#include \"${header}\"\n" @ONLY)
  list(APPEND sources ${source})
endforeach()
add_library(semblance_headers_alone OBJECT ${sources})
target_link_libraries(semblance_headers_alone PRIVATE semblance::semblance semblance_own_flags)
target_compile_options(semblance_headers_alone PRIVATE -O0)
if(SEMBLANCE_SANITIZE)
  # A sanitizer sees nothing in a program that only includes.
  set_target_properties(semblance_headers_alone PROPERTIES EXCLUDE_FROM_ALL ON)
endif()
# This one is for the compiled form alone.
set_source_files_properties(${CMAKE_CURRENT_BINARY_DIR}/headers/semblance_compiled.h.cpp
  PROPERTIES COMPILE_DEFINITIONS SEMBLANCE_COMPILED)

# What must not compile: the first line of each file says, as a regular expression, what the
# compiler has to say to it; the second may ask for a flag.
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/refused/*.cpp)
set(include_dirs $<TARGET_PROPERTY:semblance_headers_alone,INCLUDE_DIRECTORIES>)
foreach(source IN LISTS sources)
  get_filename_component(name ${source} NAME_WE)
  file(STRINGS ${source} message REGEX "^// refused: ")
  string(REPLACE "// refused: " "" message "${message}")
  file(STRINGS ${source} flags REGEX "^// flags: ")
  string(REPLACE "// flags: " "" flags "${flags}")
  add_test(NAME Refused.${name}
    COMMAND ${CMAKE_CXX_COMPILER} -std=c++20 -fsyntax-only ${flags}
            "-I$<JOIN:${include_dirs},;-I>" ${source}
    COMMAND_EXPAND_LISTS)
  set_tests_properties(Refused.${name} PROPERTIES PASS_REGULAR_EXPRESSION "${message}")
endforeach()

# In the compiled form the front door costs no more than its own types.
file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/front_door.cpp
  CONTENT "#include \"semblance/semblance.h\"\n" @ONLY)
add_test(NAME FrontDoor.IncludesNoPartOfTheEncoderInTheCompiledForm
  COMMAND ${CMAKE_CXX_COMPILER} -std=c++20 -M -DSEMBLANCE_COMPILED
          "-I$<JOIN:${include_dirs},;-I>" ${CMAKE_CURRENT_BINARY_DIR}/front_door.cpp
  COMMAND_EXPAND_LISTS)
set_tests_properties(FrontDoor.IncludesNoPartOfTheEncoderInTheCompiledForm PROPERTIES
  FAIL_REGULAR_EXPRESSION "semblance/(text|models|io/json|layers/linear)|nlohmann|immintrin")
