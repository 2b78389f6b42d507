# Headers and the CMake package.
include(CMakePackageConfigHelpers)
set(semblance_package_dir ${CMAKE_INSTALL_DATADIR}/cmake/semblance)

install(DIRECTORY include/semblance DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS semblance EXPORT semblanceTargets)
install(EXPORT semblanceTargets NAMESPACE semblance:: DESTINATION ${semblance_package_dir})

configure_package_config_file(
  third_party/semblanceConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/semblanceConfig.cmake
  INSTALL_DESTINATION ${semblance_package_dir})
write_basic_package_version_file(
  ${CMAKE_CURRENT_BINARY_DIR}/semblanceConfigVersion.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES
  ${CMAKE_CURRENT_BINARY_DIR}/semblanceConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/semblanceConfigVersion.cmake
  third_party/Findutf8proc.cmake
  DESTINATION ${semblance_package_dir})
