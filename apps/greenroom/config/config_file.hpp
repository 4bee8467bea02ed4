// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <expected>
#include <string>

#include "config/config.hpp"

namespace greenroom {

// Reads a TOML file over `defaults`. Unknown names, wrong types and values out of range are errors,
// each with "FILE:LINE: "; all of them, a line each. docs/reference/greenroom-operation.md lists
// what can stand in it; greenroom.toml.example shows it.
std::expected<Config, std::string> read_config_file(const std::string& file, Config defaults);

}  // namespace greenroom
