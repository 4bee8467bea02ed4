# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#
# One precompiled header for every library and program of this build, another with GoogleTest for
# the tests. Building all of 79 files took 103 s of processor time without and 59 s with them
# (clang 19, -O1). CMAKE_DISABLE_PRECOMPILE_HEADERS=ON turns them off.
#
# TROUPE_TEST_FLAGS are for the GoogleTest programs and their header alone, which must agree: the
# presets say -O0, because the optimiser took three quarters of a test file's time (supervisor_test
# 13.3 s with -O2, 10.7 s with -O1, 4.4 s with -O0) and is worth nothing there. What they test, the
# scenarios, the examples and the benchmarks are optimised as users have them.
function(troupe_precompile directory)
  if(NOT TARGET troupe_precompiled)
    add_library(troupe_precompiled OBJECT ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/precompiled.cpp)
    # The same warnings as its users have: GCC defines __cpp_runtime_arrays without -Wpedantic.
    target_link_libraries(troupe_precompiled PRIVATE troupe_warnings)
    target_precompile_headers(troupe_precompiled
      PRIVATE ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/precompiled.hpp)
    if(TROUPE_TESTS)
      find_package(GTest REQUIRED)
      add_library(troupe_precompiled_gtest OBJECT
        ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/precompiled.cpp)
      target_link_libraries(troupe_precompiled_gtest PRIVATE troupe_warnings GTest::gtest)
      target_compile_options(troupe_precompiled_gtest PRIVATE ${TROUPE_TEST_FLAGS})
      target_precompile_headers(troupe_precompiled_gtest
        PRIVATE ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/precompiled.hpp <gtest/gtest.h>)
    endif()
  endif()

  get_property(targets DIRECTORY ${directory} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(type ${target} TYPE)
    get_target_property(libraries ${target} LINK_LIBRARIES)
    if("GTest::gtest" IN_LIST libraries AND type STREQUAL "EXECUTABLE")
      target_compile_options(${target} PRIVATE ${TROUPE_TEST_FLAGS})
      target_precompile_headers(${target} REUSE_FROM troupe_precompiled_gtest)
    elseif(type MATCHES "STATIC_LIBRARY|EXECUTABLE")
      target_precompile_headers(${target} REUSE_FROM troupe_precompiled)
    endif()
  endforeach()
  get_property(below DIRECTORY ${directory} PROPERTY SUBDIRECTORIES)
  foreach(subdirectory IN LISTS below)
    troupe_precompile(${subdirectory})
  endforeach()
endfunction()
