# semblance_docs: the reference of the public interface, as HTML, where Doxygen is installed.
find_package(Doxygen QUIET)
if(NOT DOXYGEN_FOUND)
  return()
endif()
set(DOXYGEN_PROJECT_BRIEF "Sentence vectors from published BERT folders on ordinary CPUs")
set(DOXYGEN_USE_MDFILE_AS_MAINPAGE ${PROJECT_SOURCE_DIR}/README.md)
set(DOXYGEN_STRIP_FROM_PATH ${PROJECT_SOURCE_DIR}/include)
set(DOXYGEN_STRIP_FROM_INC_PATH ${PROJECT_SOURCE_DIR}/include)
set(DOXYGEN_FILE_PATTERNS *.h *.md)
set(DOXYGEN_EXCLUDE_PATTERNS *.inl.h */simd/targets/* *unicode_data.h)
set(DOXYGEN_EXCLUDE_SYMBOLS *detail* *SEMBLANCE_*)
set(DOXYGEN_QUIET YES)
set(DOXYGEN_WARN_IF_UNDOCUMENTED NO)
set(DOXYGEN_EXTRACT_ALL YES)
set(DOXYGEN_MULTILINE_CPP_IS_BRIEF NO)
set(DOXYGEN_JAVADOC_AUTOBRIEF YES)
set(DOXYGEN_GENERATE_LATEX NO)
set(DOXYGEN_FILTER_PATTERNS "*.h=\"sed -E -f ${CMAKE_CURRENT_LIST_DIR}/doxygen.sed\"")
set(DOXYGEN_VERBATIM_VARS DOXYGEN_FILTER_PATTERNS)
doxygen_add_docs(semblance_docs include README.md examples/guide
  COMMENT "The reference: ${CMAKE_CURRENT_BINARY_DIR}/html/index.html")

if(SEMBLANCE_BUILD_TESTS)
  add_test(NAME Reference.HasNoWarnings
    COMMAND Doxygen::doxygen ${CMAKE_CURRENT_BINARY_DIR}/Doxyfile.semblance_docs
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(Reference.HasNoWarnings PROPERTIES FAIL_REGULAR_EXPRESSION "warning: |error: ")
endif()
