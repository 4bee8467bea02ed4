// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// Tables in files: what is written comes back, and what was damaged does not.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <troupe/table_file.hpp>

#include "storage/backends.hpp"
#include "storage/temporary_directory.hpp"
#include "support/on_every_executor.hpp"

namespace troupe::storage::test {
namespace {

using troupe::test::on_every_executor;

struct Visit {
  std::string page;
  int count = 0;
  bool operator==(const Visit&) const = default;
};

TEST(TableFile, tables_of_every_kind_come_back) {
  on_every_executor([](Process& self) -> Async<> {
    const TemporaryDirectory directory;
    auto set = Table<std::string, Visit>::create(self);
    for (int i = 0; i < 2'500; ++i) set.insert(std::to_string(i), {"page", i});
    auto written = co_await tab2file(self, set, directory / "set");
    EXPECT_TRUE(written && *written == 2'500);
    TableOptions named;
    named.name = Name{"visits"};
    auto again = co_await file2tab<Table<std::string, Visit>>(self, directory / "set", named);
    EXPECT_TRUE(succeeded(again));
    EXPECT_EQ(again->size(), 2'500U);
    EXPECT_EQ(again->lookup("2499"), (Visit{"page", 2'499}));
    EXPECT_TRUE((Table<std::string, Visit>::whereis("visits")));

    auto bag = DuplicateBagTable<int, std::string>::create(self);
    for (const char* value : {"b", "a", "b"}) bag.insert(1, value);
    EXPECT_TRUE(succeeded(co_await tab2file(self, bag, directory / "bag")));
    auto bag_again =
        co_await file2tab<DuplicateBagTable<int, std::string>>(self, directory / "bag");
    EXPECT_TRUE(succeeded(bag_again));
    EXPECT_EQ(bag_again->lookup(1), (std::vector<std::string>{"b", "a", "b"}));

    auto ordered = OrderedTable<int, int>::create(self);
    EXPECT_TRUE(succeeded(co_await tab2file(self, ordered, directory / "ordered")));
    auto empty = co_await file2tab<OrderedTable<int, int>>(self, directory / "ordered");
    EXPECT_TRUE(succeeded(empty));
    EXPECT_EQ(empty->size(), 0U);
    auto other = co_await file2tab<OrderedTable<int, int>>(self, directory / "bag");
    EXPECT_TRUE(refused(other, ErrorKind::wrong_type));
    auto missing = co_await file2tab<OrderedTable<int, int>>(self, directory / "none");
    EXPECT_TRUE(refused(missing, ErrorKind::io, "none"));
  });
}

TEST(TableFile, a_file_that_was_cut_or_changed_is_refused) {
  const TemporaryDirectory directory;
  const std::string path = directory / "table";
  std::vector<Term> entries;
  for (int i = 0; i < 1'200; ++i) entries.push_back(tuple({i, Term::binary("value")}));
  ASSERT_TRUE(succeeded(troupe::detail::write_table_file(path, entries)));
  const std::string bytes = read_bytes(path);
  EXPECT_EQ(*troupe::detail::read_table_file(path), entries);
  for (std::size_t size = 0; size < bytes.size(); size += size < 40 ? 1 : 97) {
    write_bytes(path, bytes.substr(0, size));
    EXPECT_FALSE(troupe::detail::read_table_file(path)) << size;
  }
  for (std::size_t at = 0; at < bytes.size(); at += at < 40 ? 1 : 97) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 4);
    write_bytes(path, changed);
    EXPECT_FALSE(troupe::detail::read_table_file(path)) << at;
  }
  write_bytes(path, bytes + "x");
  EXPECT_TRUE(refused(troupe::detail::read_table_file(path), ErrorKind::corrupt, path));
  std::string newer = bytes;
  newer[6] = '2';
  write_bytes(path, newer);
  EXPECT_TRUE(refused(troupe::detail::read_table_file(path), ErrorKind::newer_version));
}

}  // namespace
}  // namespace troupe::storage::test
