// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
#error \
    "Troupe refuses GCC before 13: it destroys temporaries inside a co_await expression twice, which is a double free at run time. Use clang 19 or GCC 13 or later."
#endif

// Everything a program of processes needs; the parts can be included alone.
#include <troupe/blocking.hpp>
#include <troupe/dynamic_supervisor.hpp>
#include <troupe/gen_server.hpp>
#include <troupe/log.hpp>
#include <troupe/process.hpp>
#include <troupe/request.hpp>
#include <troupe/runtime.hpp>
#include <troupe/spawn.hpp>
#include <troupe/supervisor.hpp>
#include <troupe/timer.hpp>
