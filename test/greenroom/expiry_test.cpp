// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// When keys expire, and commands on expiry, with a clock that moves only when told to.
#include "greenroom/transcript.hpp"

namespace greenroom::test {
namespace {

TEST(Expiry, a_key_is_gone_from_its_millisecond_on) {
  expect_transcript(R"(
    > SET k v PX 1000
    +OK
    @ 999
    > GET k
    $1
    v
    > PTTL k
    :1
    @ 1
    > GET k
    $-1
    > PTTL k
    :-2
  )");
}

TEST(Expiry, a_touch_slides_it) {
  expect_transcript(R"(
    > SETEX k 10 v
    +OK
    @ 9000
    > EXPIRE k 10
    :1
    @ 9000
    > TTL k
    :1
    @ 1000
    > EXPIRE k 10
    :0
  )");
}

TEST(Expiry, seconds_are_rounded_to_the_nearest) {
  expect_transcript(R"(
    > SET k v PX 1499
    +OK
    > TTL k
    :1
    > PEXPIRE k 1500
    :1
    > TTL k
    :2
    > PEXPIREAT k 1800000000499
    :1
    > EXPIRETIME k
    :1800000000
    > PEXPIREAT k 1800000000500
    :1
    > EXPIRETIME k
    :1800000001
    > PEXPIRETIME k
    :1800000000500
  )");
}

TEST(Expiry, conditions_compare_with_what_is_set) {
  expect_transcript(R"(
    > SET k v
    +OK
    # None is later than any.
    > EXPIRE k 100 GT
    :0
    > EXPIRE k 100 XX
    :0
    > EXPIRE k 100 LT
    :1
    > EXPIRE k 50 NX
    :0
    > EXPIRE k 50 GT
    :0
    > EXPIRE k 50 LT
    :1
    > EXPIRE k 100 XX GT
    :1
    > TTL k
    :100
    > PERSIST k
    :1
    > PERSIST k
    :0
    > EXPIRE k 1 NX GT
    -ERR NX and XX, GT or LT options at the same time are not compatible
    > EXPIRE k 1 GT LT
    -ERR GT and LT options at the same time are not compatible
    > EXPIRE k 1 SOON
    -ERR Unsupported option SOON
  )");
}

TEST(Expiry, a_time_that_has_passed_deletes) {
  expect_transcript(R"(
    > SET k v
    +OK
    > EXPIRE k -1
    :1
    > EXISTS k
    :0
    > SET k v EXAT 1
    +OK
    > EXISTS k
    :0
    > SET k v EX 0
    -ERR invalid expire time in 'set' command
    > SETEX k -1 v
    -ERR invalid expire time in 'setex' command
    > EXPIRE none 9223372036854775807
    -ERR invalid expire time in 'expire' command
  )");
}

TEST(Expiry, a_key_that_was_due_is_a_new_one_to_the_next_command) {
  expect_transcript(R"(
    > HSET k f v
    :1
    > PEXPIRE k 100
    :1
    @ 100
    > SET k v XX
    $-1
    > INCR k
    :1
    > TTL k
    :-1
  )");
}

}  // namespace
}  // namespace greenroom::test
