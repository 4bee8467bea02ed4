// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compression/dictionary.hpp"

namespace greenroom {

// The dictionaries of a server: one for each prefix of keys (what stands before the first colon),
// replaced when one that was trained later does better. A replaced one stays, because records that
// it has packed name it by its number; nothing is freed while the server runs, so that readers take
// no lock.
//
// What bounds it:
//   prefixes        64; keys with others share a last one
//   dictionaries    255, 16 KiB and their tables (about 60 KiB) each
//   samples         a megabyte for each prefix, until it is trained; 1 of 64 values from then on
//   incompressible  32 values in a row that were not worth it, and the next 1,000 are not tried
class Dictionaries {
 public:
  static constexpr std::uint32_t max_number = 255;

  Dictionaries();
  ~Dictionaries();
  Dictionaries(const Dictionaries&) = delete;
  Dictionaries& operator=(const Dictionaries&) = delete;

  // Appends the value, compressed, and says by which; null: it was not worth it, or there is none.
  // Also where samples come from.
  const Dictionary* compress(std::string_view key, std::string_view value, std::string& out);
  // Whether a value under this key is likely to be compressed.
  bool may_compress(std::string_view key) const;
  // Null: no such number.
  const Dictionary* numbered(std::uint32_t number) const;

  // What to train on next; null: no prefix has enough new samples.
  struct Training {
    std::string prefix;
    Samples samples;
    const Dictionary* before = nullptr;
  };
  std::optional<Training> next_training(std::int64_t now_ms);
  // Whether one has got enough since this was asked last: whoever hears it tells the trainer.
  bool has_new_training() {
    return is_due_.load(std::memory_order_relaxed) && is_due_.exchange(false);
  }
  // Whether some have enough, and have been trained too recently.
  bool has_later_training() const;
  // The number for a new one; 0: all are used up.
  std::uint32_t free_number() const;

  // How a dictionary is stored: under a key that no client can name, with its prefix.
  static std::string stored_key(std::uint32_t number);
  static bool is_stored_key(std::string_view storage_key);
  static std::string stored_value(std::string_view prefix, std::string_view bytes);
  // From storage, or just trained. The newest of a prefix is the one in use. False: it is damaged,
  // or its number is taken by another.
  bool add(std::string_view stored_key, std::string_view stored_value);

 private:
  struct Prefix;
  using Set = std::vector<Prefix*>;

  Prefix* find(std::string_view key) const;
  Prefix& find_or_make(std::string_view prefix);

  std::atomic<bool> is_due_{false};
  mutable std::mutex lock_;  // of additions
  std::vector<std::unique_ptr<Prefix>> prefixes_;
  std::vector<std::unique_ptr<const Set>> sets_;
  // Both acquired by readers: pairs with the release after the set, or the dictionary, was made.
  std::atomic<const Set*> current_{nullptr};
  std::array<std::atomic<const Dictionary*>, max_number + 1> numbered_{};
};

// What keys of one kind begin with: up to and with the first colon, or nothing.
std::string_view kind_of_key(std::string_view key);

}  // namespace greenroom
