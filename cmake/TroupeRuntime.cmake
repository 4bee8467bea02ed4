# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#
# TROUPE_STATIC_RUNTIME, a property of programs: whether they link the C++ library statically, which
# decides how Troupe learns where exceptions are thrown. Initialised from the variable of the same
# name; a target that has -static or -static-libstdc++ among its own link options sets it itself.
# Read by Troupe's build and by find_package(troupe).
if(NOT DEFINED TROUPE_STATIC_RUNTIME
    AND CMAKE_EXE_LINKER_FLAGS MATCHES "(^| )-static(-libstdc\\+\\+|-pie)?( |$)")
  set(TROUPE_STATIC_RUNTIME ON)
endif()
define_property(TARGET PROPERTY TROUPE_STATIC_RUNTIME
  INITIALIZE_FROM_VARIABLE TROUPE_STATIC_RUNTIME)
