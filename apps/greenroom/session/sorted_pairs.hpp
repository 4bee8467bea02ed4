// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "session/bytes.hpp"
#include "session/packed_pairs.hpp"

namespace greenroom {

// Many fields and their values, in the order of the fields' bytes: blocks of packed pairs of about
// a kilobyte. A field is found by halving among the blocks and by walking through one, whatever the
// fields are called. A pair takes its bytes, two lengths and a tenth more; in a tree of strings,
// which this replaced, the 34 bytes of a session's id took 160.
//
// Views into it last until the next change.
class SortedPairs {
 public:
  static constexpr std::size_t max_block_bytes = 1024;  // unless a single pair is larger

  std::size_t size() const { return size_; }

  std::optional<std::string_view> find(std::string_view field) const;
  // True if the field is new. Neither argument may point into this.
  bool set(std::string_view field, std::string_view value);
  // True if the field was there.
  bool erase(std::string_view field);

  // Calls visit(field, value) for every field.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const Bytes& block : blocks_) {
      PackedPairs pairs{block.view()};
      while (pairs.next()) visit(pairs.pair().field, pairs.pair().value);
    }
  }

  SortedPairs clone() const;

  // An estimate of the memory behind it.
  std::size_t memory_bytes() const;

 private:
  std::size_t block_for(std::string_view field) const;
  void split(std::size_t index, bool at_the_end);

  std::vector<Bytes> blocks_;  // none is empty
  std::size_t size_ = 0;
};

}  // namespace greenroom
