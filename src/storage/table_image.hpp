// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// The bytes of a table file (table_file.cpp says how they lie), apart from the disk, so that they
// can be fuzzed.

#include <string>
#include <string_view>
#include <vector>

#include <troupe/storage.hpp>
#include <troupe/term.hpp>

namespace troupe::storage {

std::string table_image(const std::vector<Term>& entries);
// Every entry is a pair. `path` is for the text of errors.
Result<std::vector<Term>> parse_table(std::string_view bytes, const std::string& path);

}  // namespace troupe::storage
