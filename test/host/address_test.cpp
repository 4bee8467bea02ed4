// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "host/address.hpp"

#include <cerrno>
#include <gtest/gtest.h>

namespace troupe {
namespace {

std::string there_and_back(const std::string& host) {
  const auto address = to_socket_address({host, 4711});
  if (!address) return "!" + address.error().describe();
  const Endpoint back = to_endpoint(*address);
  EXPECT_EQ(back.port, 4711);
  return back.host;
}

TEST(AddressTest, numeric_addresses_and_localhost_are_understood) {
  EXPECT_EQ(there_and_back("127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(there_and_back("255.255.255.255"), "255.255.255.255");
  EXPECT_EQ(there_and_back("localhost"), "127.0.0.1");
  EXPECT_EQ(there_and_back("::1"), "::1");
  EXPECT_EQ(there_and_back("2001:DB8:0:0:0:0:0:1"), "2001:db8::1");
  EXPECT_EQ(there_and_back("::ffff:10.1.2.3"), "10.1.2.3");
  EXPECT_EQ(there_and_back("fe80::1%lo"), "fe80::1%lo");
  EXPECT_EQ(there_and_back("fe80::1%1"), "fe80::1%lo");
}

TEST(AddressTest, everything_else_is_a_bad_address) {
  using namespace std::string_literals;
  for (const std::string& host :
       {""s, "example.org"s, "127.1"s, "0x7f.0.0.1"s, "127.0.0.1\0.evil"s, " 127.0.0.1"s, "[::1]"s,
        "fe80::1%"s, "fe80::1%no-such-interface"s, "fe80::1%99999999999"s, "127.0.0.1%lo"s,
        std::string(100'000, 'a')}) {
    EXPECT_EQ(there_and_back(host), "!bad address") << host.substr(0, 40);
  }
}

TEST(AddressTest, endpoints_are_written_so_that_the_port_can_be_told_apart) {
  EXPECT_EQ(to_string(Endpoint{"127.0.0.1", 80}), "127.0.0.1:80");
  EXPECT_EQ(to_string(Endpoint{"::1", 80}), "[::1]:80");
}

TEST(IoErrorTest, it_says_what_happened_and_what_the_system_called_it) {
  EXPECT_EQ(io_error_from_errno(EADDRINUSE).describe(),
            "address in use (EADDRINUSE: Address already in use)");
  EXPECT_EQ((IoError{IoErrorKind::bad_address, 0}).describe(), "bad address");
  EXPECT_EQ((IoError{IoErrorKind::other, 99999}).describe(), "other (errno 99999)");
}

TEST(IoErrorTest, the_kinds_a_caller_decides_by_come_from_their_errnos) {
  EXPECT_EQ(io_error_from_errno(EAGAIN).kind, IoErrorKind::would_block);
  EXPECT_EQ(io_error_from_errno(ECONNREFUSED).kind, IoErrorKind::refused);
  EXPECT_EQ(io_error_from_errno(ECONNRESET).kind, IoErrorKind::reset);
  EXPECT_EQ(io_error_from_errno(EPIPE).kind, IoErrorKind::closed);
  EXPECT_EQ(io_error_from_errno(EACCES).kind, IoErrorKind::not_permitted);
  EXPECT_EQ(io_error_from_errno(EHOSTUNREACH).kind, IoErrorKind::unreachable);
  EXPECT_EQ(io_error_from_errno(ETIMEDOUT).kind, IoErrorKind::timed_out);
  EXPECT_EQ(io_error_from_errno(EMFILE).kind, IoErrorKind::too_many_files);
  EXPECT_EQ(io_error_from_errno(ENFILE).kind, IoErrorKind::too_many_files);
  EXPECT_EQ(io_error_from_errno(ENOMSG).kind, IoErrorKind::other);
}

}  // namespace
}  // namespace troupe
