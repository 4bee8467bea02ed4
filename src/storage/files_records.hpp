// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// What the files engine keeps beside the values, as lines of text that end in their own checksum.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::storage::files {

// sums/NAME: troupe-sum 1 / crc <8 hex> / size N / key <escaped> / sum <8 hex>
struct Sum {
  std::uint32_t crc = 0;
  std::uint64_t size = 0;
  std::string key;
};

std::string text_of(const Sum& sum);
std::optional<Sum> parse_sum(std::string_view text);

// journal: troupe-files 1 / put NUMBER NAME or drop NAME, any number of them / sum <8 hex>
// NUMBER names the temporary files of a put, see files_store.cpp.
struct Step {
  bool drop = false;
  std::uint64_t number = 0;
  std::string name;
};

std::string text_of(const std::vector<Step>& steps);
// Nothing if it is torn or empty.
std::optional<std::vector<Step>> parse_journal(std::string_view text);

// Whether it is one of the two, whole, and of a format that only a later Troupe reads.
bool is_newer(std::string_view text);

}  // namespace troupe::storage::files
