// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <expected>
#include <string>

namespace greenroom {

// The `bytes` secret bytes of a file; made of random ones, for its owner only, where there is no
// such file. An error is a sentence for the operator.
std::expected<std::string, std::string> read_or_make_secret_file(const std::string& file,
                                                                 std::size_t bytes);

}  // namespace greenroom
