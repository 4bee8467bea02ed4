// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/crc32c.hpp"

#include <gtest/gtest.h>
#include <random>
#include <string>

namespace troupe::storage {
namespace {

// RFC 3720, appendix B.4.
TEST(Crc32c, agrees_with_the_published_vectors) {
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  std::string rising;
  for (int n = 0; n < 32; ++n) rising.push_back(static_cast<char>(n));
  EXPECT_EQ(crc32c(rising), 0x46dd794eU);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(""), 0U);
}

TEST(Crc32c, of_parts_is_that_of_the_whole) {
  const std::string text = "the quick brown fox jumps over the lazy dog";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(crc32c(text.substr(cut), crc32c(text.substr(0, cut))), crc32c(text));
  }
}

TEST(Crc32c, is_the_same_with_and_without_the_instruction) {
  std::minstd_rand random{3};
  std::string bytes;
  for (int n = 0; n < 200; ++n) {
    EXPECT_EQ(crc32c(bytes, 17), crc32c_by_tables(bytes, 17)) << n;
    bytes.push_back(static_cast<char>(random()));
  }
}

}  // namespace
}  // namespace troupe::storage
