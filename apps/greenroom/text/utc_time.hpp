// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <string>

namespace greenroom {

// 2026-11-29T13:45:00.123Z
std::string time_text(std::int64_t unix_ms);

// The same for names of files: 20261129T134500123Z. Later ones sort behind earlier ones.
std::string compact_time_text(std::int64_t unix_ms);

}  // namespace greenroom
