# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#
# `cmake --install BUILD --prefix DIR`: the public headers, the libraries, and what
# `find_package(troupe)` needs to offer troupe::troupe, and what was built of troupe::storage,
# troupe::storage_postgres, troupe::tls and troupe::http.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/troupe)
install(TARGETS troupe troupe_throw_define troupe_throw_wrap EXPORT troupeTargets)
if(TARGET troupe_storage)
  set_target_properties(troupe_storage PROPERTIES EXPORT_NAME storage)
  install(TARGETS troupe_storage EXPORT troupeTargets)
endif()
foreach(part tls http)
  if(TARGET troupe_${part})
    install(TARGETS troupe_${part} EXPORT troupeTargets)
  endif()
endforeach()
if(TARGET troupe_storage_postgres)
  set_target_properties(troupe_storage_postgres PROPERTIES EXPORT_NAME storage_postgres)
  install(TARGETS troupe_storage_postgres EXPORT troupeTargets)
endif()
foreach(program greenroom troupectl)
  if(TARGET ${program})
    install(TARGETS ${program})
  endif()
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/troupe
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(EXPORT troupeTargets NAMESPACE troupe:: DESTINATION ${package_dir})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/troupeConfig.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/troupeConfig.cmake INSTALL_DESTINATION ${package_dir})
# Before 1.0 a minor version may change the API.
write_basic_package_version_file(
  ${CMAKE_CURRENT_BINARY_DIR}/troupeConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/troupeConfig.cmake
  ${CMAKE_CURRENT_LIST_DIR}/TroupeRuntime.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/troupeConfigVersion.cmake DESTINATION ${package_dir})
