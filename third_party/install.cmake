# Headers, the CMake package and the pkg-config file; as a Debian package too.
include(CMakePackageConfigHelpers)
set(semblance_installed_model ${CMAKE_INSTALL_DATADIR}/semblance/default_model)
set(semblance_package_dir ${CMAKE_INSTALL_DATADIR}/cmake/semblance)

install(DIRECTORY include/semblance DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)
install(DIRECTORY ${semblance_default_model_folder}
  DESTINATION ${CMAKE_INSTALL_DATADIR}/semblance COMPONENT dev)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libsemblance-dev RENAME copyright
  COMPONENT dev)
install(TARGETS semblance EXPORT semblanceTargets)
install(EXPORT semblanceTargets NAMESPACE semblance:: DESTINATION ${semblance_package_dir}
  COMPONENT dev)

configure_package_config_file(
  third_party/semblanceConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/semblanceConfig.cmake
  INSTALL_DESTINATION ${semblance_package_dir}
  PATH_VARS semblance_installed_model)
write_basic_package_version_file(
  ${CMAKE_CURRENT_BINARY_DIR}/semblanceConfigVersion.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES
  ${CMAKE_CURRENT_BINARY_DIR}/semblanceConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/semblanceConfigVersion.cmake
  third_party/Findutf8proc.cmake
  third_party/compiled.cmake
  third_party/default_model.cmake
  DESTINATION ${semblance_package_dir} COMPONENT dev)

# The folders in the pkg-config file: relative to it, or absolute where they were given so.
if(IS_ABSOLUTE ${CMAKE_INSTALL_DATADIR})
  set(semblance_pc_prefix ${CMAKE_INSTALL_PREFIX})
else()
  file(RELATIVE_PATH semblance_pc_prefix /${CMAKE_INSTALL_DATADIR}/pkgconfig /)
  string(REGEX REPLACE "/$" "" semblance_pc_prefix "\${pcfiledir}/${semblance_pc_prefix}")
endif()
set(semblance_pc_includedir ${CMAKE_INSTALL_INCLUDEDIR})
set(semblance_pc_datadir ${CMAKE_INSTALL_DATADIR})
foreach(folder IN ITEMS semblance_pc_includedir semblance_pc_datadir)
  if(NOT IS_ABSOLUTE ${${folder}})
    string(PREPEND ${folder} "\${prefix}/")
  endif()
endforeach()
configure_file(third_party/semblance.pc.in ${CMAKE_CURRENT_BINARY_DIR}/semblance.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/semblance.pc
  DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig COMPONENT dev)

# `cpack -G DEB`: libsemblance-dev, and the program as semblance.
if(PROJECT_IS_TOP_LEVEL)
  set(CPACK_PACKAGE_CONTACT "the Semblance developers <semblance@localhost>")
  set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_CURRENT_SOURCE_DIR}/LICENSE)
  set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
  set(CPACK_STRIP_FILES ON)
  set(CPACK_DEB_COMPONENT_INSTALL ON)
  set(CPACK_COMPONENTS_ALL dev)
  set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
  set(CPACK_DEBIAN_DEV_PACKAGE_NAME libsemblance-dev)
  set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
  set(CPACK_DEBIAN_DEV_PACKAGE_ARCHITECTURE all)
  set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS
    "libeigen3-dev (>= 3.4), nlohmann-json3-dev (>= 3.10), libutf8proc-dev")
  if(SEMBLANCE_BUILD_EXAMPLES)
    list(APPEND CPACK_COMPONENTS_ALL program)
    set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME semblance)
    set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION text)
    set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
  endif()
  include(CPack)
endif()
