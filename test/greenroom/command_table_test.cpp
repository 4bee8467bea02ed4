// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Looking commands up, their keys, and requests on their way to other processes.
#include "resp/command_table.hpp"

#include <gtest/gtest.h>

#include "resp/keyspace_request.hpp"
#include "resp/multi_key.hpp"
#include "resp/packed_command.hpp"

namespace greenroom::test {
namespace {

using Words = std::vector<std::string_view>;

TEST(CommandTable, every_command_is_found_by_its_name_in_any_case) {
  for (const CommandSpec& command : all_commands()) {
    if (command.id == CommandId::script_run) continue;  // Nobody can send it.
    EXPECT_EQ(find_full_name(command.name), &command) << command.name;
    std::string upper{command.name};
    for (char& c : upper) c = static_cast<char>(std::toupper(c));
    EXPECT_EQ(find_full_name(upper), &command) << upper;
    EXPECT_FALSE(command.summary.empty()) << command.name;
  }
}

TEST(CommandTable, other_names_are_not_found) {
  for (std::string_view name : {"", "g", "gett", "client|", "client|x", "nosuch|id", "client id"})
    EXPECT_EQ(find_full_name(name), nullptr) << name;
  EXPECT_EQ(find_command(std::string(1'000'000, 'x')), nullptr);
}

TEST(CommandTable, keys_are_counted_by_first_last_and_step) {
  EXPECT_EQ(count_keys(command_spec(CommandId::ping), 1), 0u);
  EXPECT_EQ(count_keys(command_spec(CommandId::set), 5), 1u);
  EXPECT_EQ(count_keys(command_spec(CommandId::mget), 4), 3u);
  EXPECT_EQ(count_keys(command_spec(CommandId::mset), 5), 2u);
  EXPECT_EQ(count_keys(command_spec(CommandId::object_encoding), 3), 1u);
}

TEST(CommandTable, a_command_with_keys_is_answered_by_their_owners) {
  for (const CommandSpec& command : all_commands()) {
    const bool has_parts =
        command.handler == Handler::multi_key || command.handler == Handler::together;
    const bool has_owner =
        command.handler == Handler::single_key || has_parts || command.id == CommandId::watch;
    EXPECT_EQ(command.first_key != 0, has_owner) << command.name;
    if (command.merge != Merge::none) {
      EXPECT_TRUE(has_parts) << command.name;
    }
    if (command.handler == Handler::multi_key) {
      EXPECT_NE(command.merge, Merge::none);
    }
  }
}

TEST(KeyPart, is_the_same_command_with_one_key) {
  const CommandSpec& mset = command_spec(CommandId::mset);
  Words words{"MSET", "a", "1", "b", "2"};
  KeyPart part{mset, words, 1};
  EXPECT_EQ(part.key(), "b");
  EXPECT_EQ(Words(part.words().begin(), part.words().end()), (Words{"MSET", "b", "2"}));
  Words keys{"DEL", "a", "b", "c"};
  KeyPart last{command_spec(CommandId::del), keys, 2};
  EXPECT_EQ(Words(last.words().begin(), last.words().end()), (Words{"DEL", "c"}));
}

std::string merged(Merge merge, std::vector<std::string> replies) {
  MergedReply reply{merge, replies.size()};
  for (std::size_t i = replies.size(); i > 0; --i) {  // The last comes first.
    EXPECT_FALSE(reply.complete());
    reply.add(i - 1, replies[i - 1]);
  }
  EXPECT_TRUE(reply.complete());
  std::string out;
  reply.finish(out, RespVersion::resp3);
  return out;
}

TEST(MergedReply, sums_collects_or_confirms_in_the_order_of_the_keys) {
  EXPECT_EQ(merged(Merge::sum, {":1\r\n", ":0\r\n", ":1\r\n"}), ":2\r\n");
  EXPECT_EQ(merged(Merge::array, {"$1\r\na\r\n", "_\r\n"}), "*2\r\n$1\r\na\r\n_\r\n");
  EXPECT_EQ(merged(Merge::ok, {"+OK\r\n", "+OK\r\n"}), "+OK\r\n");
}

TEST(MergedReply, a_failed_part_is_the_whole_reply) {
  EXPECT_EQ(merged(Merge::sum, {":1\r\n", "-ERR first\r\n", "-ERR second\r\n"}), "-ERR first\r\n");
  EXPECT_EQ(merged(Merge::array, {"-ERR x\r\n", "_\r\n"}), "-ERR x\r\n");
}

TEST(PackedCommand, keeps_every_word_in_one_allocation) {
  std::string binary("\0\xff\r\n", 4);
  for (Words words : {Words{"GET"}, Words{"SET", "k", "", binary}, Words(20, "word"), Words{}}) {
    PackedCommand packed = pack_command(CommandId::set, words);
    // Exact, but for libstdc++'s least capacity outside the string itself.
    EXPECT_LE(packed.bytes.capacity(), std::max<std::size_t>(packed.bytes.size(), 30));
    CommandWords unpacked{packed};
    EXPECT_EQ(Words(unpacked.view().begin(), unpacked.view().end()), words);
  }
}

TEST(ParseScan, reads_cursor_and_options) {
  auto scan = parse_scan(Words{"SCAN", "17", "match", "s*", "COUNT", "100", "Type", "hash"});
  ASSERT_TRUE(scan.has_value());
  EXPECT_EQ(scan->cursor, 17u);
  EXPECT_EQ(scan->pattern, "s*");
  EXPECT_EQ(scan->count, 100);
  EXPECT_EQ(scan->type, "hash");
  EXPECT_EQ(parse_scan(Words{"SCAN", "18446744073709551615"})->cursor, UINT64_MAX);
  for (std::string_view cursor : {"", "-1", "x", "1x", " 1", "18446744073709551616"})
    EXPECT_EQ(parse_scan(Words{"SCAN", cursor}).error(), "ERR invalid cursor") << cursor;
}

}  // namespace
}  // namespace greenroom::test
