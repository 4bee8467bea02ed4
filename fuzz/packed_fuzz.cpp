// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Bytes of a disk or a snapshot against what unpacks sessions: records of all versions, compressed
// values, and dictionaries themselves. The first byte chooses which. Beside crashes, these would be
// bugs:
//
// - a record whose facts can be read and are not those of what it unpacks to, or lie behind its
//   end;
// - a value that is larger than its record says, or than the limit;
// - a dictionary of any bytes that is taken, and does not give back what it has packed.
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>

#include "session/packed_record.hpp"

namespace {

using namespace greenroom;

void require(bool holds) {
  if (!holds) std::abort();
}

std::string sample(std::mt19937_64& random) {
  const std::string number = std::to_string(random() % 1'000'000'000);
  return R"({"cookie":{"originalMaxAge":1800000,"httpOnly":true,"path":"/"},"user":)" + number +
         R"(,"cart":[)" + number.substr(0, 3) + R"(],"csrf":")" + number + "\"}";
}

// The same in each run: dictionary 1, for the keys that begin with "sess:".
Dictionaries& dictionaries() {
  static Dictionaries all;
  static const bool is_ready = [] {
    std::mt19937_64 random{1};
    Samples samples;
    for (int i = 0; i < 1'000; ++i) samples.add(sample(random));
    const auto bytes = train(samples, nullptr);
    require(bytes.has_value());
    return all.add(Dictionaries::stored_key(1), Dictionaries::stored_value("sess:", *bytes));
  }();
  require(is_ready);
  return all;
}

bool is_within(std::string_view part, std::string_view record) {
  return part.data() >= record.data() && part.size() <= record.size() &&
         static_cast<std::size_t>(part.data() - record.data()) <= record.size() - part.size();
}

void read_record(std::string_view record) {
  const auto facts = facts_of_record(record);
  // Who looks at the facts alone (the loader) sees nothing else either.
  if (facts) require(is_within(facts->user, record) && is_within(facts->value, record));
  const auto state = unpack_record(record, dictionaries());
  if (!state) return;
  require(facts.has_value());
  require(facts->type == state->session.type());
  require(facts->user == state->user());
  require(facts->revision == state->session.revision());
  require(facts->ends_at_ms ==
          (facts->exists() ? state->session.expires_at_ms() : state->dead_until_ms()));
  // Packed anew it may be another record, of the same state.
  const std::string again = pack_record(*state, "sess:1", dictionaries());
  const auto same = unpack_record(again, dictionaries());
  require(same && encode_key(*same) == encode_key(*state));
}

void expand(std::string_view bytes, std::size_t size) {
  std::string out;
  if (dictionaries().numbered(1)->expand(bytes, size, out)) {
    require(out.size() == size && size <= Dictionary::max_value_bytes);
  } else {
    require(out.empty());
  }
}

void load_dictionary(std::string_view bytes) {
  const auto dictionary = Dictionary::load(1, bytes);
  if (!dictionary) return;
  std::mt19937_64 random{2};
  const std::string value = sample(random);
  std::string packed;
  if (!dictionary->compress(value, packed)) return;
  std::string out;
  require(dictionary->expand(packed, value.size(), out) && out == value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 3, size - 3};
  switch (data[0] % 4) {
    case 0:
    case 1:
      read_record({reinterpret_cast<const char*>(data) + 1, size - 1});
      break;
    case 2:
      expand(bytes, std::size_t{data[1]} << 8 | data[2]);
      break;
    default:
      if (data[1] % 16 == 0) load_dictionary(bytes);  // which costs a hundred times as much
  }
  return 0;
}
