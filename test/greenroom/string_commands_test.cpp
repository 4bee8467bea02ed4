// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Commands on strings, as transcripts. Most are also compared with Redis; here stands what each
// does.
#include "greenroom/transcript.hpp"

namespace greenroom::test {
namespace {

TEST(StringCommands, set_has_conditions_and_can_return_what_was_there) {
  expect_transcript(R"(
    > SET k one NX
    +OK
    > SET k two NX
    $-1
    > SET k two XX GET
    $3
    one
    > SET new x XX
    $-1
    > SET k three NX GET
    $3
    two
    > GET k
    $3
    two
    > SET k 1 NX XX
    -ERR syntax error
    > SETNX k four
    :0
    > GETSET k five
    $3
    two
    > GETDEL k
    $4
    five
    > GETDEL k
    $-1
  )");
}

TEST(StringCommands, set_drops_the_expiry_unless_told_to_keep_it) {
  expect_transcript(R"(
    > SET k 1 EX 100
    +OK
    > SET k 2 KEEPTTL
    +OK
    > TTL k
    :100
    > SET k 3
    +OK
    > TTL k
    :-1
    > SETEX k 10 v
    +OK
    > PTTL k
    :10000
    > PSETEX k 1500 v
    +OK
    > PTTL k
    :1500
    > GETSET k w
    $1
    v
    > TTL k
    :-1
  )");
}

TEST(StringCommands, getex_changes_the_expiry_only_as_asked) {
  expect_transcript(R"(
    > SET k v EX 100
    +OK
    > GETEX k
    $1
    v
    > TTL k
    :100
    > GETEX k PX 5000
    $1
    v
    > PTTL k
    :5000
    > GETEX k PERSIST
    $1
    v
    > TTL k
    :-1
    > GETEX k PXAT 1
    $1
    v
    > EXISTS k
    :0
  )");
}

TEST(StringCommands, append_and_ranges_work_in_place) {
  expect_transcript(R"(
    > APPEND k hello
    :5
    > EXPIRE k 100
    :1
    > APPEND k " world"
    :11
    > SETRANGE k 6 there
    :11
    > GET k
    $11
    hello there
    > GETRANGE k -5 -1
    $5
    there
    > GETRANGE k 3 1
    $0
    > STRLEN k
    :11
    > TTL k
    :100
    > SETRANGE gap 3 x
    :4
    > STRLEN gap
    :4
    > SETRANGE none 3 ""
    :0
    > EXISTS none
    :0
  )");
}

TEST(StringCommands, strings_do_not_grow_beyond_the_limit) {
  LocalServer server;
  server.max_string_bytes = 10;
  expect_transcript(server, R"(
    > SET k 12345678
    +OK
    > APPEND k abc
    -ERR string exceeds maximum allowed size (proto-max-bulk-len)
    > APPEND k ab
    :10
    > SETRANGE k 10 x
    -ERR string exceeds maximum allowed size (proto-max-bulk-len)
    > SETRANGE k 9223372036854775807 x
    -ERR string exceeds maximum allowed size (proto-max-bulk-len)
    > SETRANGE k 9 x
    :10
  )");
}

TEST(StringCommands, counters_refuse_what_is_no_integer_and_what_would_overflow) {
  expect_transcript(R"(
    > INCR n
    :1
    > INCRBY n 9223372036854775807
    -ERR increment or decrement would overflow
    > DECRBY n 5
    :-4
    > DECRBY n -9223372036854775808
    -ERR decrement would overflow
    > INCRBYFLOAT n 0.5
    $4
    -3.5
    > INCR n
    -ERR value is not an integer or out of range
    > HSET h f 1
    :1
    > INCR h
    -WRONGTYPE Operation against a key holding the wrong kind of value
  )");
}

TEST(StringCommands, several_keys_at_once_are_several_single_commands) {
  expect_transcript(R"(
    > MSET a 1 b 2
    +OK
    > HSET h f v
    :1
    > MGET a h none b
    *4
    $1
    1
    $-1
    $-1
    $1
    2
    > MGET a
    *1
    $1
    1
    > EXISTS a a none
    :2
    > TOUCH a b none
    :2
    > DEL a
    :1
    > UNLINK a b h
    :2
    > MSET a 1 b
    -ERR wrong number of arguments for 'mset' command
    > DEL
    -ERR wrong number of arguments for 'del' command
  )");
}

TEST(StringCommands, commands_are_known_in_any_case) {
  expect_transcript(R"(
    > set k v ex 10
    +OK
    > gEt k
    $1
    v
    > object encoding k
    $6
    embstr
  )");
}

}  // namespace
}  // namespace greenroom::test
