# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#
# Precompiled headers: the standard library for src/; that and the headers of Troupe most used for
# the programs on top of it (apps, benchmarks), once more for the examples and scenarios, and these
# with GoogleTest for the tests. Every file still includes what it uses: tools/headers and
# clang-tidy go without. Building all of 79 files took 103 s of processor time without and 59 s with
# the first (clang 19, -O1), and troupe.hpp is another 0.2 s of the 1.5 to 5 s that a file on top of
# it takes; whoever changes a header in it compiles nearly all of them again anyhow.
# CMAKE_DISABLE_PRECOMPILE_HEADERS=ON turns them off.
#
# TROUPE_TEST_FLAGS are for the GoogleTest programs, the examples and the scenarios of conformance
# (what has the property TROUPE_TEST_PROGRAM), and for their headers, which must agree: the presets
# say -O0, because the optimiser took three quarters of a test file's time (supervisor_test 13.3 s
# with -O2, 10.7 s with -O1, 4.4 s with -O0) and is worth nothing there.
# What they run and the benchmarks are optimised as users have them.
set(TROUPE_PRECOMPILED ${CMAKE_CURRENT_LIST_DIR}/precompiled)
set(TROUPE_PRECOMPILED_OF_TROUPE <troupe/troupe.hpp> <troupe/storage.hpp> <troupe/tls.hpp>)

# troupe_precompiled_header(NAME OPTIONS... LIBRARIES... HEADERS header...)
function(troupe_precompiled_header name)
  cmake_parse_arguments(PARSE_ARGV 1 with "" "" "OPTIONS;LIBRARIES;HEADERS")
  add_library(${name} OBJECT ${TROUPE_PRECOMPILED}.cpp)
  target_compile_options(${name} PRIVATE ${with_OPTIONS})
  # The same warnings as its users have: GCC defines __cpp_runtime_arrays without -Wpedantic.
  target_link_libraries(${name} PRIVATE troupe_warnings ${with_LIBRARIES})
  target_precompile_headers(${name} PRIVATE ${TROUPE_PRECOMPILED}.hpp ${with_HEADERS})
endfunction()

# Has all targets of the directory and of those below use one of them, and its options.
function(troupe_use_precompiled directory header)
  get_property(targets DIRECTORY ${directory} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(type ${target} TYPE)
    get_target_property(libraries ${target} LINK_LIBRARIES)
    set(chosen ${header})
    if(NOT type MATCHES "STATIC_LIBRARY|EXECUTABLE")
      continue()
    elseif("GTest::gtest" IN_LIST libraries AND type STREQUAL "EXECUTABLE")
      set(chosen troupe_precompiled_tests)
    endif()
    get_target_property(is_test_program ${target} TROUPE_TEST_PROGRAM)
    if(is_test_program)
      set(chosen troupe_precompiled_test_programs)
    endif()
    get_target_property(options ${chosen} COMPILE_OPTIONS)
    if(options)
      target_compile_options(${target} PRIVATE ${options})
    endif()
    target_precompile_headers(${target} REUSE_FROM ${chosen})
  endforeach()
  get_property(below DIRECTORY ${directory} PROPERTY SUBDIRECTORIES)
  foreach(subdirectory IN LISTS below)
    troupe_use_precompiled(${subdirectory} ${header})
  endforeach()
endfunction()

function(troupe_precompile)
  troupe_precompiled_header(troupe_precompiled)
  troupe_precompiled_header(troupe_precompiled_users
    LIBRARIES troupe HEADERS ${TROUPE_PRECOMPILED_OF_TROUPE})
  if(TROUPE_TESTS)
    find_package(GTest REQUIRED)
    troupe_precompiled_header(troupe_precompiled_tests
      OPTIONS ${TROUPE_TEST_FLAGS}
      LIBRARIES troupe GTest::gtest HEADERS ${TROUPE_PRECOMPILED_OF_TROUPE} <gtest/gtest.h>)
    troupe_precompiled_header(troupe_precompiled_test_programs
      OPTIONS ${TROUPE_TEST_FLAGS} LIBRARIES troupe HEADERS ${TROUPE_PRECOMPILED_OF_TROUPE})
  endif()
  target_precompile_headers(troupe REUSE_FROM troupe_precompiled)
  get_property(directories DIRECTORY ${PROJECT_SOURCE_DIR} PROPERTY SUBDIRECTORIES)
  foreach(directory IN LISTS directories)
    if(directory STREQUAL ${PROJECT_SOURCE_DIR}/src)
      troupe_use_precompiled(${directory} troupe_precompiled)
    elseif(directory STREQUAL ${PROJECT_SOURCE_DIR}/examples)
      troupe_use_precompiled(${directory} troupe_precompiled_test_programs)
    else()
      troupe_use_precompiled(${directory} troupe_precompiled_users)
    endif()
  endforeach()
endfunction()
