# Finds utf8proc as utf8proc::utf8proc: by its own package where it has one, else by its header and
# library. Installed beside semblanceConfig.cmake, which needs it too.
find_package(utf8proc CONFIG QUIET)
if(TARGET utf8proc::utf8proc)
  set(utf8proc_FOUND TRUE)
  return()
endif()

find_path(utf8proc_INCLUDE_DIR utf8proc.h)
find_library(utf8proc_LIBRARY NAMES utf8proc utf8proc_static)
if(utf8proc_INCLUDE_DIR)
  set(utf8proc_VERSION)
  foreach(part MAJOR MINOR PATCH)
    file(STRINGS ${utf8proc_INCLUDE_DIR}/utf8proc.h utf8proc_line
         REGEX "^#define UTF8PROC_VERSION_${part} ")
    string(REGEX MATCH "[0-9]+$" utf8proc_number "${utf8proc_line}")
    list(APPEND utf8proc_VERSION "${utf8proc_number}")
  endforeach()
  list(JOIN utf8proc_VERSION "." utf8proc_VERSION)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(utf8proc
  REQUIRED_VARS utf8proc_LIBRARY utf8proc_INCLUDE_DIR VERSION_VAR utf8proc_VERSION)
mark_as_advanced(utf8proc_INCLUDE_DIR utf8proc_LIBRARY)

if(utf8proc_FOUND)
  add_library(utf8proc::utf8proc UNKNOWN IMPORTED)
  set_target_properties(utf8proc::utf8proc PROPERTIES
    IMPORTED_LOCATION ${utf8proc_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${utf8proc_INCLUDE_DIR})
  if(WIN32 AND utf8proc_LIBRARY MATCHES "\\.a$" AND NOT utf8proc_LIBRARY MATCHES "\\.dll\\.a$")
    set_target_properties(utf8proc::utf8proc PROPERTIES
      INTERFACE_COMPILE_DEFINITIONS UTF8PROC_STATIC)
  endif()
endif()
