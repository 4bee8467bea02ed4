// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// The external term format where no erl is needed: forms that OTP no longer writes, and hostile
// bytes.
#include <bit>
#include <gtest/gtest.h>
#include <limits>
#include <string>
#include <vector>

#include <troupe/etf.hpp>

#include "term/random_term.hpp"

namespace troupe {
namespace {

using Code = DecodeError::Code;

std::string bytes(std::initializer_list<int> values) {
  std::string made;
  for (int value : values) made += static_cast<char>(value);
  return made;
}

std::string u32(std::uint32_t value) {
  return bytes({static_cast<int>(value >> 24), static_cast<int>(value >> 16 & 255),
                static_cast<int>(value >> 8 & 255), static_cast<int>(value & 255)});
}

Term decoded(const std::string& encoded, const DecodeOptions& options = {}) {
  auto term = binary_to_term(encoded, options);
  EXPECT_TRUE(term) << (term ? "" : to_string(term.error().code)) << " at "
                    << (term ? 0 : term.error().offset);
  return term.value_or(Term{});
}

Code refused(const std::string& encoded, const DecodeOptions& options = {}) {
  auto term = binary_to_term(encoded, options);
  EXPECT_FALSE(term) << to_erlang(*term);
  return term ? Code{} : term.error().code;
}

TEST(EtfTest, small_terms_have_the_bytes_of_the_specification) {
  EXPECT_EQ(term_to_binary(tuple({1, -1, atoms::ok, Term::nil()})),
            bytes({131, 104, 4, 97, 1, 98, 255, 255, 255, 255, 119, 2, 'o', 'k', 106}));
  EXPECT_EQ(term_to_binary(Term::char_list("ab")), bytes({131, 107, 0, 2, 'a', 'b'}));
  EXPECT_EQ(term_to_binary(list({300})), bytes({131, 108, 0, 0, 0, 1, 98, 0, 0, 1, 44, 106}));
  EXPECT_EQ(term_to_binary(256), bytes({131, 98, 0, 0, 1, 0}));
  EXPECT_EQ(term_to_binary(1ll << 40), bytes({131, 110, 6, 0, 0, 0, 0, 0, 0, 1}));
  EXPECT_EQ(term_to_binary(Term::binary("x"), {.version = false}), bytes({109, 0, 0, 0, 1, 'x'}));
  EXPECT_EQ(term_to_binary(atom("\u00e4"), {.minor_version = 1}), bytes({131, 100, 0, 1, 0xe4}));
}

TEST(EtfTest, every_old_form_is_read) {
  std::string node = bytes({100, 0, 3, 'a', '@', 'b'});
  Atom name{"a@b"};
  EXPECT_EQ(decoded(bytes({131, 115, 2, 'o', 'k'})), atoms::ok);
  EXPECT_EQ(decoded(bytes({131, 115, 1, 0xe4})), atom("\u00e4"));
  EXPECT_EQ(decoded(bytes({131, 118, 0, 2, 'o', 'k'})), atoms::ok);
  EXPECT_EQ(decoded(bytes({131, 99}) + "1.50000000000000000000e+00" + std::string(5, '\0')), 1.5);
  EXPECT_EQ(decoded(bytes({131, 103}) + node + u32(5) + u32(6) + bytes({2})),
            (ForeignPid{name, 2, 5, 6}));
  EXPECT_EQ(decoded(bytes({131, 88}) + node + u32(5) + u32(6) + u32(777)),
            (ForeignPid{name, 777, 5, 6}));
  EXPECT_EQ(decoded(bytes({131, 102}) + node + u32(5) + bytes({2})), (PortName{name, 2, 5}));
  EXPECT_EQ(decoded(bytes({131, 89}) + node + u32(5) + u32(777)), (PortName{name, 777, 5}));
  EXPECT_EQ(decoded(bytes({131, 120}) + node + u32(1) + u32(5) + u32(777)),
            (PortName{name, 777, (std::uint64_t{1} << 32) + 5}));
  EXPECT_EQ(decoded(bytes({131, 101}) + node + u32(5) + bytes({2})), (ForeignRef{name, 2, 1, {5}}));
  EXPECT_EQ(decoded(bytes({131, 114, 0, 2}) + node + bytes({2}) + u32(5) + u32(6)),
            (ForeignRef{name, 2, 2, {5, 6}}));
  EXPECT_EQ(decoded(bytes({131, 90, 0, 3}) + node + u32(9) + u32(5) + u32(6) + u32(7)),
            (ForeignRef{name, 9, 3, {5, 6, 7}}));
  EXPECT_EQ(decoded(bytes({131, 111}) + u32(5) + bytes({1, 1, 0, 0, 0, 0})), -1);
  EXPECT_EQ(decoded(bytes({131, 110, 0, 0})), 0);
  EXPECT_EQ(decoded(bytes({131, 77}) + u32(1) + bytes({3, 0xff})),
            Term::bitstring(reinterpret_cast<const std::uint8_t*>("\xe0"), 3));
}

TEST(EtfTest, closures_are_kept_and_written_again) {
  std::string node = bytes({119, 3, 'a', '@', 'b'});
  std::string pid = bytes({88}) + node + u32(5) + u32(6) + u32(1);
  std::string inside = bytes({2}) + std::string(16, 'u') + u32(7) + u32(1) +
                       bytes({119, 1, 'm', 97, 7, 98, 0, 1, 0, 0}) + pid + bytes({97, 42});
  std::string closure =
      bytes({131, 112}) + u32(static_cast<std::uint32_t>(inside.size()) + 4) + inside;
  Term fun = decoded(closure);
  EXPECT_TRUE(fun.is_fun());
  EXPECT_EQ(to_erlang(fun), "#Fun<m.7.65536>");
  EXPECT_EQ(to_elixir(fun), "#Function<7.65536 in :m>");
  EXPECT_EQ(term_to_binary(fun), closure);
  EXPECT_EQ(decoded(closure), fun);
  std::string ancient =
      bytes({131, 117}) + u32(1) + pid + bytes({119, 1, 'm', 97, 1, 97, 2, 97, 3});
  EXPECT_EQ(term_to_binary(decoded(ancient)), ancient);
  EXPECT_EQ(refused(closure, {.safe = true}), Code::unsafe);
  EXPECT_EQ(refused(bytes({131, 113, 97, 1, 97, 2, 97, 3})), Code::bad_value);
}

TEST(EtfTest, closures_within_closures_are_written_without_recursion) {
  std::string pid = bytes({88, 119, 1, 'n'}) + u32(5) + u32(6) + u32(1);
  std::string start = bytes({1}) + std::string(16, 'u') + u32(7) + u32(1) +
                      bytes({119, 1, 'm', 97, 7, 97, 8}) + pid;
  constexpr std::size_t depth = 9'000;
  std::string nested = bytes({97, 1});
  std::vector<std::string> parts;
  for (std::size_t i = depth; i > 0; --i) {
    parts.push_back(bytes({112}) +
                    u32(static_cast<std::uint32_t>(4 + i * start.size() + (i - 1) * 5 + 2)) +
                    start);
  }
  std::string all = bytes({131});
  for (const std::string& part : parts) all += part;
  all += nested;
  EXPECT_EQ(term_to_binary(decoded(all)), all);
}

TEST(EtfTest, lists_go_on_in_their_tails) {
  // [1 | [2 | "ab"]] in one list, through empty lists too.
  EXPECT_EQ(decoded(bytes({131, 108, 0, 0, 0, 1, 97, 1, 108, 0, 0, 0, 1, 97, 2, 107, 0, 2, 5, 6})),
            list({1, 2, 5, 6}));
  EXPECT_EQ(decoded(bytes({131, 108, 0, 0, 0, 0, 108, 0, 0, 0, 1, 97, 2, 108, 0, 0, 0, 0, 106})),
            list({2}));
  EXPECT_EQ(decoded(bytes({131, 108, 0, 0, 0, 0, 106})), Term::nil());
  EXPECT_EQ(decoded(bytes({131, 108, 0, 0, 0, 0, 107, 0, 0})), Term::nil());
  EXPECT_EQ(decoded(bytes({131, 108, 0, 0, 0, 0, 97, 9})), 9);
  EXPECT_EQ(decoded(bytes({131, 104, 2, 108, 0, 0, 0, 0, 104, 1, 97, 9, 97, 8})),
            tuple({tuple({9}), 8}));
  EXPECT_EQ(decoded(bytes({131, 108, 0, 0, 0, 1, 97, 1, 104, 1, 108, 0, 0, 0, 1, 97, 2, 106})),
            Term::list_with_tail(std::initializer_list<Term>{1}, tuple({list({2})})));
}

TEST(EtfTest, a_long_chain_of_tails_takes_linear_time) {
  std::string chain = bytes({131});
  constexpr std::size_t links = 300'000;
  for (std::size_t i = 0; i < links; ++i) chain += bytes({108, 0, 0, 0, 1, 97, 1});
  chain += bytes({106});
  EXPECT_EQ(decoded(chain, {.limits = {.depth = 1}}).size(), links);
}

TEST(EtfTest, maps_are_sorted_and_keys_are_unique) {
  EXPECT_EQ(decoded(bytes({131, 116, 0, 0, 0, 2, 97, 2, 97, 20, 97, 1, 97, 10})),
            map({{1, 10}, {2, 20}}));
  EXPECT_EQ(refused(bytes({131, 116, 0, 0, 0, 3, 97, 2, 97, 0, 97, 1, 97, 0, 97, 2, 97, 0})),
            Code::duplicate_key);
}

TEST(EtfTest, terms_say_that_they_end_too_early_at_every_byte) {
  Prng random{1};
  for (int i = 0; i < 200; ++i) {
    std::string whole = term_to_binary(test::random_term(random, 3));
    for (std::size_t size = 0; size < whole.size(); ++size) {
      ASSERT_EQ(refused(whole.substr(0, size)), Code::truncated) << size << " of " << whole.size();
    }
    ASSERT_EQ(refused(whole + "x"), Code::trailing_bytes);
    auto prefix = decode_prefix(whole + "xyz");
    ASSERT_TRUE(prefix);
    EXPECT_EQ(prefix->used, whole.size());
  }
}

TEST(EtfTest, flipped_bits_never_do_more_than_fail) {
  Prng random{2};
  for (int i = 0; i < 300; ++i) {
    std::string encoded = term_to_binary(test::random_term(random, 3));
    for (std::size_t bit = 0; bit < encoded.size() * 8; ++bit) {
      char& byte = encoded[bit / 8];
      byte = static_cast<char>(byte ^ 1 << bit % 8);
      auto term = binary_to_term(encoded);
      if (term) {
        EXPECT_EQ(binary_to_term(term_to_binary(*term)), *term);
      }
      byte = static_cast<char>(byte ^ 1 << bit % 8);
    }
  }
}

TEST(EtfTest, counts_that_the_bytes_do_not_back_up_are_refused) {
  for (int tag : {105, 108, 109, 111, 116}) {
    EXPECT_EQ(refused(bytes({131, tag, 255, 255, 255, 255, 0})), Code::truncated) << tag;
  }
  EXPECT_EQ(refused(bytes({131, 112, 255, 255, 255, 255}) + std::string(25, '\xff')),
            Code::too_large);
  EXPECT_EQ(refused(bytes({131, 117, 255, 255, 255, 255})), Code::too_large);
}

TEST(EtfTest, integers_beyond_the_limit_are_refused) {
  std::string digits(Term::max_big_limbs * 8, '\x01');
  auto size = static_cast<std::uint32_t>(digits.size());
  EXPECT_TRUE(decoded(bytes({131, 111}) + u32(size) + bytes({0}) + digits).is_integer());
  EXPECT_EQ(refused(bytes({131, 111}) + u32(size + 1) + bytes({0}) + digits + "\x01"),
            Code::too_large);
  EXPECT_EQ(decoded(bytes({131, 111}) + u32(size + 1) + bytes({0}) + digits + std::string(1, '\0')),
            decoded(bytes({131, 111}) + u32(size) + bytes({0}) + digits));
}

TEST(EtfTest, values_that_cannot_be_are_refused) {
  EXPECT_EQ(refused(bytes({131, 70, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0})), Code::bad_value);
  EXPECT_EQ(refused(bytes({131, 70, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0})), Code::bad_value);
  EXPECT_EQ(refused(bytes({131, 99}) + "nan" + std::string(28, '\0')), Code::bad_value);
  EXPECT_EQ(refused(bytes({131, 99}) + std::string(31, '\0')), Code::bad_value);
  EXPECT_EQ(refused(bytes({131, 77, 0, 0, 0, 1, 9, 0})), Code::bad_value);
  EXPECT_EQ(refused(bytes({131, 77, 0, 0, 0, 1, 0, 0})), Code::bad_value);
  EXPECT_EQ(refused(bytes({131, 110, 1, 2, 5})), Code::bad_value);
  EXPECT_EQ(refused(bytes({131, 90, 0, 6, 119, 1, 'n'}) + std::string(28, '\0')), Code::bad_value);
  EXPECT_EQ(refused(bytes({131, 88, 97, 1}) + std::string(12, '\0')), Code::bad_tag);
  EXPECT_EQ(refused(bytes({131, 1})), Code::bad_tag);
  EXPECT_EQ(refused(bytes({131, 121, 0})), Code::bad_tag);
  EXPECT_EQ(refused(bytes({130, 106})), Code::bad_version);
  EXPECT_EQ(refused(""), Code::truncated);
}

TEST(EtfTest, atoms_are_checked_and_in_safe_mode_not_made) {
  EXPECT_EQ(refused(bytes({131, 119, 1, 0xff})), Code::bad_atom);
  EXPECT_EQ(refused(bytes({131, 118, 1, 0}) + std::string(256, 'x')), Code::bad_atom);
  EXPECT_EQ(refused(bytes({131, 118, 255, 255}) + std::string(65'535, 'x')), Code::bad_atom);
  EXPECT_EQ(refused(bytes({131, 119, 20}) + "never_made_by_a_test", {.safe = true}), Code::unsafe);
  EXPECT_EQ(decoded(bytes({131, 119, 2, 'o', 'k'}), {.safe = true}), atoms::ok);
  EXPECT_FALSE(Atom::existing("never_made_by_a_test"));
  std::string two = bytes({131, 104, 2, 119, 7}) + "fresh_1" + bytes({119, 7}) + "fresh_2";
  EXPECT_EQ(refused(two, {.limits = {.new_atoms = 1}}), Code::too_many_atoms);
  EXPECT_TRUE(decoded(two, {.limits = {.new_atoms = 1}}).is_tuple());
}

TEST(EtfTest, cached_atoms_are_read_where_there_is_a_cache) {
  const Atom cache[] = {atoms::ok, atoms::error};
  EXPECT_EQ(decoded(bytes({131, 104, 2, 82, 0, 82, 1}), {.atom_cache = cache}),
            tuple({atoms::ok, atoms::error}));
  EXPECT_EQ(refused(bytes({131, 82, 2}), {.atom_cache = cache}), Code::bad_atom);
  EXPECT_EQ(refused(bytes({131, 82, 0})), Code::bad_atom);
}

TEST(EtfTest, limits_are_kept) {
  std::string deep = bytes({131});
  for (int i = 0; i < 20'000; ++i) deep += bytes({104, 2, 97, 1});
  deep += bytes({97, 2});
  // The last element of a tuple needs no place to return to, however deep it is.
  EXPECT_TRUE(decoded(deep).is_tuple(2));
  std::string left = bytes({131});
  for (int i = 0; i < 20'000; ++i) left += bytes({104, 2});
  left += bytes({97, 0}) + std::string(20'000 * 2, '\x61');
  EXPECT_EQ(refused(left), Code::too_deep);
  EXPECT_TRUE(decoded(left, {.limits = {.depth = 20'000}}).is_tuple(2));
  std::string items = term_to_binary(tuple({1, 2, 3}));
  EXPECT_EQ(refused(items, {.limits = {.items = 3}}), Code::too_large);
  EXPECT_TRUE(decoded(items, {.limits = {.items = 4}}).is_tuple());
  EXPECT_EQ(refused(term_to_binary(Term::char_list("abcdef")), {.limits = {.items = 6}}),
            Code::too_large);
  EXPECT_EQ(refused(items, {.limits = {.bytes = items.size() - 1}}), Code::too_large);
}

TEST(EtfTest, compressed_terms_become_what_they_say_or_are_refused) {
  std::string text(100'000, 'x');
  std::string packed = term_to_binary(Term::binary(text), {.compressed = 9});
  EXPECT_LT(packed.size(), 1'000u);
  EXPECT_EQ(decoded(packed).as_binary(), text);
  EXPECT_EQ(decode_prefix(packed + "rest")->used, packed.size());
  EXPECT_EQ(refused(packed + "rest"), Code::trailing_bytes);
  EXPECT_EQ(refused(packed, {.allow_compressed = false}), Code::bad_tag);
  EXPECT_EQ(refused(packed, {.limits = {.bytes = 50'000}}), Code::too_large);
  for (int change : {-1, 1}) {
    std::string lies = packed;
    lies[5] = static_cast<char>(lies[5] + change);
    EXPECT_EQ(refused(lies), Code::bad_compression);
  }
  std::string bomb = bytes({131, 80, 3, 0, 0, 0}) + packed.substr(6);
  EXPECT_EQ(refused(bomb), Code::bad_compression);
  EXPECT_EQ(refused(bytes({131, 80, 0, 0})), Code::truncated);
  EXPECT_EQ(refused(packed.substr(0, packed.size() - 5)), Code::bad_compression);
}

TEST(EtfTest, what_does_not_get_smaller_is_not_compressed) {
  EXPECT_EQ(term_to_binary(atoms::ok, {.compressed = 9}), term_to_binary(atoms::ok));
}

TEST(EtfTest, parts_of_a_decoded_term_outlive_it) {
  Term part;
  {
    Term whole = decoded(term_to_binary(tuple({list({Term::binary("kept"), 2.5}), 1})));
    part = whole[0];
  }
  EXPECT_EQ(part, list({Term::binary("kept"), 2.5}));
  Term small = part[0].compacted();
  part = Term{};
  EXPECT_EQ(small.as_binary(), "kept");
  Term mixed = tuple({small, decoded(term_to_binary(list({1.5})))});
  EXPECT_EQ(mixed[1][0].as_double(), 1.5);
}

TEST(EtfTest, pids_of_this_program_come_back_as_themselves) {
  Term term = tuple({Pid{1, 5, 9}, Ref{1, 0x1234'5678'9abc'def0}, Pid{}});
  EXPECT_EQ(decoded(term_to_binary(term)), term);
  EXPECT_EQ(decoded(term_to_binary(term))[0].as_pid(), (Pid{1, 5, 9}));
  ASSERT_TRUE(set_node_name(90, {Atom{"named@host"}, 42}));
  std::string encoded = term_to_binary(Pid{90, 5, 9});
  EXPECT_NE(encoded.find("named@host"), std::string::npos);
  EXPECT_EQ(decoded(encoded).as_pid(), (Pid{90, 5, 9}));
}

}  // namespace
}  // namespace troupe
