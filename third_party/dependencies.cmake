# Finds the packages that Semblance is built on, each as an imported target.
list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR})

# Imported targets live in the directory that found them; a project that takes Semblance by
# add_subdirectory links from another one, so they are made global. A target that the project
# brought itself, or that find_package() fetched and built, is taken as it is.
function(semblance_find_package target)
  if(TARGET ${target})
    return()
  endif()
  find_package(${ARGN} REQUIRED)
  list(GET ARGN 0 package)
  set(${package}_VERSION ${${package}_VERSION} PARENT_SCOPE)
  get_target_property(is_imported ${target} IMPORTED)
  if(is_imported)
    set_target_properties(${target} PROPERTIES IMPORTED_GLOBAL TRUE)
  endif()
endfunction()

semblance_find_package(Threads::Threads Threads)
# Eigen 5 answers to no request for 3.4, and 3.4 to no range up to 5: so its version is looked at here.
semblance_find_package(Eigen3::Eigen Eigen3 NO_MODULE)
if(Eigen3_VERSION AND Eigen3_VERSION VERSION_LESS 3.4)
  message(FATAL_ERROR "Eigen3: expected version 3.4 or later, found ${Eigen3_VERSION}")
endif()
semblance_find_package(nlohmann_json::nlohmann_json nlohmann_json 3.10)
semblance_find_package(utf8proc::utf8proc utf8proc)

if(SEMBLANCE_BUILD_EXAMPLES AND NOT WIN32)
  find_package(CLI11 2.1 REQUIRED)
endif()
if(SEMBLANCE_BUILD_TESTS)
  find_package(GTest 1.11 REQUIRED)
endif()
