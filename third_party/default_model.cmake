# semblance_embed_default_model(<target>): puts the files of the default model inside the target, so
# that SentenceEncoder::load_default() needs no file where the program runs. The bytes go into the
# object through the assembler's .incbin (GNU as and what understands it: g++, clang). Only for
# programs of the ELF format: elsewhere, ship the folder.
#
# semblance_default_model_folder says where the files are.
function(semblance_embed_default_model target)
  if(NOT CMAKE_EXECUTABLE_FORMAT STREQUAL ELF)
    message(FATAL_ERROR "${target}: the default model goes only into ELF programs; ship its folder")
  endif()
  set(folder ${semblance_default_model_folder})
  file(GLOB_RECURSE names RELATIVE ${folder} CONFIGURE_DEPENDS
    ${folder}/*.json ${folder}/*.safetensors ${folder}/vocab.txt)
  if(NOT names)
    message(FATAL_ERROR "${folder}: expected the files of the default model, found none")
  endif()
  list(SORT names)
  set(declarations "")
  set(table "")
  set(files "")
  set(number 0)
  foreach(name IN LISTS names)
    list(APPEND files ${folder}/${name})
    set(symbol semblance_model_file_${number})
    string(APPEND declarations
      "__asm__(\".pushsection .rodata\\n.globl ${symbol}, ${symbol}_end\\n\"\n"
      "        \".hidden ${symbol}, ${symbol}_end\\n.balign 64\\n${symbol}:\\n\"\n"
      "        \".incbin \\\"${folder}/${name}\\\"\\n${symbol}_end:\\n.byte 0\\n.popsection\");\n"
      "extern \"C\" __attribute__((visibility(\"hidden\"))) const std::byte ${symbol}[];\n"
      "extern \"C\" __attribute__((visibility(\"hidden\"))) const std::byte ${symbol}_end[];\n")
    string(APPEND table "    {\"${name}\", ${symbol}, ${symbol}_end},\n")
    math(EXPR number "${number} + 1")
  endforeach()
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${target}_default_model.cpp)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT
"#include \"semblance/default_model.h\"

@declarations@
static const semblance::MemoryFile files[] = {
@table@};
extern \"C\" const semblance::EmbeddedModel semblance_embedded_default_model;
extern \"C\" const semblance::EmbeddedModel semblance_embedded_default_model = {
    files, sizeof files / sizeof files[0]};
")
  set_source_files_properties(${source} PROPERTIES
    OBJECT_DEPENDS "${files}" SKIP_UNITY_BUILD_INCLUSION ON SKIP_PRECOMPILE_HEADERS ON)
  target_sources(${target} PRIVATE ${source})
  get_target_property(type ${target} TYPE)
  if(type STREQUAL STATIC_LIBRARY)
    # The library asks for the files by a weak name, which takes nothing out of an archive.
    target_link_options(${target} INTERFACE LINKER:-u,semblance_embedded_default_model)
  endif()
endfunction()
