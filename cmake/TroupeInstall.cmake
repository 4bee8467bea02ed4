# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#
# `cmake --install BUILD --prefix DIR` installs everything; with `--component NAME`, a part of it,
# which then is all that must have been built:
#   library    the public headers, the libraries, and what `find_package(troupe)` needs to offer
#              troupe::troupe, and what was configured of troupe::storage, troupe::storage_postgres,
#              troupe::tls and troupe::http; the target troupe_libraries builds it
#   greenroom, troupectl    the programs
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/troupe)
add_custom_target(troupe_libraries)
function(troupe_install_libraries)
  install(TARGETS ${ARGV} EXPORT troupeTargets COMPONENT library)
  foreach(target IN LISTS ARGV)
    get_target_property(type ${target} TYPE)
    if(NOT type STREQUAL INTERFACE_LIBRARY)
      add_dependencies(troupe_libraries ${target})
    endif()
  endforeach()
endfunction()
troupe_install_libraries(troupe troupe_throw_define troupe_throw_wrap)
foreach(part storage storage_postgres tls http)
  if(TARGET troupe_${part})
    troupe_install_libraries(troupe_${part})
  endif()
endforeach()
foreach(part storage storage_postgres)
  if(TARGET troupe_${part})
    set_target_properties(troupe_${part} PROPERTIES EXPORT_NAME ${part})
  endif()
endforeach()
foreach(program greenroom troupectl)
  if(TARGET ${program})
    install(TARGETS ${program} COMPONENT ${program})
  endif()
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/troupe COMPONENT library
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE COMPONENT library DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(EXPORT troupeTargets NAMESPACE troupe:: COMPONENT library DESTINATION ${package_dir})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/troupeConfig.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/troupeConfig.cmake INSTALL_DESTINATION ${package_dir})
# Before 1.0 a minor version may change the API.
write_basic_package_version_file(
  ${CMAKE_CURRENT_BINARY_DIR}/troupeConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/troupeConfig.cmake
  ${CMAKE_CURRENT_LIST_DIR}/TroupeRuntime.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/troupeConfigVersion.cmake
  COMPONENT library DESTINATION ${package_dir})
