// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "base/node_memory.hpp"

#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <set>
#include <vector>

namespace troupe {
namespace {

struct Piece {
  void* memory;
  std::size_t size;
  int mark;
};

Piece take(detail::NodeMemory& memory, std::size_t size, int mark) {
  Piece piece{memory.take(size), size, mark};
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(piece.memory) % 16, 0U);
  std::memset(piece.memory, mark, size);
  return piece;
}

bool is_whole(const Piece& piece) {
  const auto* bytes = static_cast<const unsigned char*>(piece.memory);
  for (std::size_t i = 0; i < piece.size; ++i) {
    if (bytes[i] != static_cast<unsigned char>(piece.mark)) return false;
  }
  return true;
}

TEST(NodeMemoryTest, pieces_of_all_sizes_do_not_overlap) {
  detail::NodeMemory memory;
  std::vector<Piece> pieces;
  const auto size_of = [](int i) { return static_cast<std::size_t>(16 + i * 7 % 200); };
  for (int i = 0; i < 3000; ++i) pieces.push_back(take(memory, size_of(i), i));
  for (std::size_t i = 0; i < pieces.size(); i += 2) {
    memory.give_back(pieces[i].memory, pieces[i].size);
    pieces[i] = take(memory, pieces[i].size, pieces[i].mark + 1);
  }
  for (const Piece& piece : pieces) EXPECT_TRUE(is_whole(piece)) << piece.size;
  for (const Piece& piece : pieces) memory.give_back(piece.memory, piece.size);
}

#if !TROUPE_ADDRESS_SANITIZER
TEST(NodeMemoryTest, what_was_given_back_is_taken_again) {
  detail::NodeMemory memory;
  std::set<void*> first;
  for (int i = 0; i < 1000; ++i) first.insert(memory.take(50));
  EXPECT_EQ(first.size(), 1000U);
  for (void* piece : first) memory.give_back(piece, 50);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(first.erase(memory.take(64)), 1U);
}
#endif

}  // namespace
}  // namespace troupe
