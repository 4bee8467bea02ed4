// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace greenroom {

// What values of one kind have in common, learnt from samples by zstd. A session of 160 bytes is
// mostly the same JSON as the next one: on its own zstd saves a tenth of it, with a dictionary two
// thirds. Used by many threads; never changes.
//
// The compressed form is a zstd frame without its magic number, checksum, dictionary id and size:
// 4 to 14 bytes that the record around it knows better.
class Dictionary {
 public:
  // Values beyond are not worth it (small ones), or would hold their session's thread too long.
  static constexpr std::size_t min_value_bytes = 48;
  static constexpr std::size_t max_value_bytes = 64 << 10;
  static constexpr std::size_t max_dictionary_bytes = 64 << 10;

  // `bytes` as train() gave them, or anything: null if zstd does not take them as a dictionary.
  static std::unique_ptr<Dictionary> load(std::uint32_t number, std::string_view bytes);
  ~Dictionary();
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;

  std::uint32_t number() const { return number_; }
  std::string_view bytes() const { return bytes_; }

  // Appends the compressed value; false, and nothing appended, if it is not an eighth smaller.
  bool compress(std::string_view value, std::string& out) const;
  // Appends the value, which must have exactly `size` bytes; false, and nothing appended, for
  // anything else. The bytes may be anything.
  bool expand(std::string_view compressed, std::size_t size, std::string& out) const;

 private:
  struct Tables;
  Dictionary(std::uint32_t number, std::string_view bytes, std::unique_ptr<Tables> tables);

  std::uint32_t number_;
  std::string bytes_;
  std::unique_ptr<Tables> tables_;
};

// Samples one behind the other, and the length of each.
struct Samples {
  std::string bytes;
  std::vector<std::size_t> sizes;

  void add(std::string_view sample) {
    bytes.append(sample);
    sizes.push_back(sample.size());
  }
};

// A dictionary from samples, 0.1 s of one core for a megabyte. Nothing if there are too few, or if
// it would save less than a fifth on samples it was not made from, or, where there is one already,
// less than a tenth of what `before` leaves.
std::optional<std::string> train(const Samples& samples, const Dictionary* before);

}  // namespace greenroom
