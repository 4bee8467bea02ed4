# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
# Which compilers are refused and why, warnings for our own code, and the sanitizer switch.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  message(FATAL_ERROR
    "Troupe refuses GCC ${CMAKE_CXX_COMPILER_VERSION}: GCC before 13 destroys temporaries inside a "
    "co_await expression twice, which is a double free at run time. Use clang 19 "
    "(apt install clang-19, -DCMAKE_CXX_COMPILER=clang++-19) or GCC 13 or later.")
endif()

# Build speed, only where Troupe is the project being built; a user's project chooses for itself.
if(PROJECT_IS_TOP_LEVEL)
  find_program(TROUPE_CCACHE ccache)
  mark_as_advanced(TROUPE_CCACHE)
  if(TROUPE_CCACHE AND "${CMAKE_CXX_COMPILER_LAUNCHER}" MATCHES "^$|ccache$")
    # The sloppiness is what ccache's manual asks for with precompiled headers. By the compiler's
    # dependency files it knows what a file included without preprocessing it first.
    # glibc's allocator on huge pages takes 9 % off the compiler's time, most of it page faults.
    set(CMAKE_CXX_COMPILER_LAUNCHER
      env CCACHE_DEPEND=1 CCACHE_SLOPPINESS=pch_defines,time_macros
          GLIBC_TUNABLES=glibc.malloc.hugetlb=1 ${TROUPE_CCACHE})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
      add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
    endif()
  endif()
  include(CheckLinkerFlag)
  check_linker_flag(CXX -fuse-ld=lld TROUPE_HAVE_LLD)
  if(TROUPE_HAVE_LLD)
    add_link_options(-fuse-ld=lld)
  endif()
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)

add_library(troupe_warnings INTERFACE)
if(PROJECT_IS_TOP_LEVEL)
  target_compile_options(troupe_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers)
endif()

if(TROUPE_SANITIZE)
  add_compile_options(
    -fsanitize=${TROUPE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TROUPE_SANITIZE})
endif()
