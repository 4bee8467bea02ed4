// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/etf.hpp>
#include <troupe/struct_term.hpp>

#include "base/assert.hpp"

namespace {

enum class Colour : std::uint8_t { red, green, blue };

struct Put {
  static constexpr bool as_tuple = true;
  std::string key;
  std::int16_t value = 0;
};

struct Tree {
  int value = 0;
  std::vector<Tree> children;
  std::unique_ptr<Tree> other;
};

struct Everything {
  bool flag = false;
  std::uint8_t tiny = 0;
  std::uint64_t large = 0;
  float single = 0;
  Colour colour{};
  troupe::Atom name;
  troupe::Term any;
  troupe::Pid pid;
  troupe::Ref reference;
  std::vector<std::byte> blob;
  std::array<int, 2> two{};
  std::map<std::string, std::optional<int>> table;
  std::tuple<int, troupe::Atom> pair;
  std::chrono::seconds timeout{};
  std::chrono::system_clock::time_point when;
  std::variant<std::monostate, int, std::string, Put> either;
  Tree tree;
};

// What was read must be written as a term that reads back to the same.
template <class T>
void try_as(const troupe::Term& term) {
  auto value = troupe::from_term<T>(term);
  if (!value) {
    TROUPE_ASSERT(!value.error().message().empty(), "every error has a sentence");
    return;
  }
  troupe::Term written = troupe::to_term(*value);
  auto again = troupe::from_term<T>(written);
  TROUPE_ASSERT(again, "what was written is read");
  TROUPE_ASSERT(troupe::to_term(*again) == written, "as the same value");
}

}  // namespace

// Any bytes that are a term, read as types of every kind.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace troupe;
  DecodeOptions options;
  options.limits = {.bytes = 1 << 16, .depth = 1'000, .items = 20'000, .new_atoms = 4};
  options.safe = Atom::count() > 100'000;
  options.version = false;
  auto term = binary_to_term({reinterpret_cast<const char*>(data), size}, options);
  if (!term) return 0;
  try_as<Everything>(*term);
  try_as<Tree>(*term);
  try_as<std::variant<std::monostate, int, std::string, Put, Tree>>(*term);
  try_as<std::vector<std::map<int, std::string>>>(*term);
  return 0;
}
