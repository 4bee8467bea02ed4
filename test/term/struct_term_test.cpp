// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <array>
#include <chrono>
#include <deque>
#include <gtest/gtest.h>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <troupe/etf.hpp>
#include <troupe/struct_term.hpp>

namespace troupe {
namespace mapping_test {

using namespace std::chrono_literals;

enum class Colour : std::uint8_t { red, DarkGreen, delete_ = 7, far_away = 200 };
enum Old { old_one, old_two };
enum class Errno : int { perm = -1, noent = 2 };

struct Address {
  std::string street;
  int number = 0;
  bool operator==(const Address&) const = default;
};

struct Session {
  std::string user;
  int visits = 0;
  std::optional<std::string> note;
  std::vector<Address> addresses;
  std::map<std::string, double> scores;
  Colour colour = Colour::red;
  bool operator==(const Session&) const = default;
};

struct Put {
  static constexpr bool as_tuple = true;
  std::string key;
  int value = 0;
  bool operator==(const Put&) const = default;
};
struct HTTPGet {
  static constexpr bool as_tuple = true;
  std::string key;
  bool operator==(const HTTPGet&) const = default;
};
struct Close {
  static constexpr bool as_tuple = true;
  bool operator==(const Close&) const = default;
};

struct User {
  static constexpr std::string_view elixir_module = "MyApp.User";
  std::string name;
  int age = 0;
  bool operator==(const User&) const = default;
};

struct Everything {
  bool flag = false;
  std::int8_t tiny = 0;
  std::uint64_t large = 0;
  float single = 0;
  double real = 0;
  Atom name = atoms::ok;
  Term any;
  Pid pid;
  Ref reference;
  std::vector<std::byte> blob;
  std::deque<int> numbers;
  std::set<std::string> names;
  std::array<int, 3> three{};
  std::unordered_map<int, std::string> table;
  std::pair<int, std::string> pair;
  std::tuple<int, bool, Atom> triple;
  std::chrono::seconds timeout{};
  std::chrono::microseconds precise{};
  std::chrono::system_clock::time_point when;
  std::variant<std::monostate, int, std::string, Put> either;
  bool operator==(const Everything&) const = default;
};

struct Tree {
  int value = 0;
  std::vector<Tree> children;
};
struct Chain {
  std::unique_ptr<Chain> next;
  std::vector<Chain> more;
};

struct Keywords {
  int class_ = 0;
  int default_ = 0;
};
struct Empty {};
template <class T>
struct Box {
  static constexpr bool as_tuple = true;
  T value{};
};

struct Many {
  int a1 = 1, a2 = 2, a3 = 3, a4 = 4, a5 = 5, a6 = 6, a7 = 7, a8 = 8, a9 = 9, a10 = 10, a11 = 11,
      a12 = 12, a13 = 13, a14 = 14, a15 = 15, a16 = 16, a17 = 17, a18 = 18, a19 = 19, a20 = 20,
      a21 = 21, a22 = 22, a23 = 23, a24 = 24, a25 = 25, a26 = 26, a27 = 27, a28 = 28, a29 = 29,
      a30 = 30, a31 = 31, a32 = 32;
  bool operator==(const Many&) const = default;
};

class Money {
 public:
  explicit Money(std::int64_t cents) : cents_{cents} {}
  std::int64_t cents() const { return cents_; }

 private:
  std::int64_t cents_;
};
struct Invoice {
  Money total;
  int number = 0;
};

}  // namespace mapping_test

template <>
inline constexpr EnumRange enum_range<mapping_test::Errno>{-2, 5};

template <>
struct Codec<mapping_test::Money> {
  static Term encode(const mapping_test::Money& money) { return Term{money.cents()}; }
  static std::expected<mapping_test::Money, MappingError> decode(const Term& term) {
    auto cents = from_term<std::int64_t>(term);
    if (!cents) return std::unexpected{cents.error()};
    return mapping_test::Money{*cents};
  }
};

namespace mapping_test {
namespace {

struct Hidden {
  int inner_value = 3;
  std::string text;
};

using Error = MappingError::Code;

template <class T>
void expect_same(const T& value) {
  auto back = from_term<T>(to_term(value));
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(*back, value);
}

template <class T>
MappingError refusal(std::string_view text) {
  auto term = parse_term(text);
  EXPECT_TRUE(term) << text;
  auto value = from_term<T>(*term);
  EXPECT_FALSE(value) << text;
  return value ? MappingError{} : value.error();
}

TEST(StructTermTest, a_struct_is_a_map_with_the_names_of_its_fields) {
  Session session{"ann", 3, std::nullopt, {{"High St", 5}}, {{"go", 1.5}}, Colour::DarkGreen};
  EXPECT_EQ(to_elixir(to_term(session)),
            "%{addresses: [%{number: 5, street: \"High St\"}], colour: :dark_green, note: nil, "
            "scores: %{\"go\" => 1.5}, user: \"ann\", visits: 3}");
  expect_same(session);
}

TEST(StructTermTest, a_struct_may_be_a_tagged_tuple_or_an_elixir_struct) {
  EXPECT_EQ(to_erlang(to_term(Put{"k", 5})), "{put,<<107>>,5}");
  EXPECT_EQ(to_erlang(to_term(HTTPGet{"k"})), "{http_get,<<107>>}");
  EXPECT_EQ(to_erlang(to_term(Close{})), "close");
  EXPECT_EQ(to_erlang(to_term(Box<int>{4})), "{box,4}");
  EXPECT_EQ(to_elixir(to_term(User{"Ann", 7})), "%MyApp.User{age: 7, name: \"Ann\"}");
  expect_same(Put{"k", 5});
  expect_same(Close{});
  expect_same(User{"Ann", 7});
  EXPECT_TRUE(from_term<Close>(tuple({atom("close")})));
  EXPECT_TRUE(from_term<User>(*parse_term("#{name => <<\"Ann\">>,age => 7}")));
}

TEST(StructTermTest, every_kind_of_value_comes_back) {
  Everything all;
  all.flag = true;
  all.tiny = -128;
  all.large = std::numeric_limits<std::uint64_t>::max();
  all.single = 1.5f;
  all.real = -2.25;
  all.name = Atom{"some"};
  all.any = tuple({1, Term::binary("x")});
  all.pid = Pid{1, 2, 3};
  all.reference = Ref{1, 77};
  all.blob = {std::byte{0}, std::byte{255}};
  all.numbers = {1, 2, 300};
  all.names = {"b", "a"};
  all.three = {7, 8, 9};
  all.table = {{1, "one"}, {2, "two"}};
  all.pair = {1, "p"};
  all.triple = {2, false, atoms::error};
  all.timeout = 90s;
  all.precise = 1500us;
  all.when = std::chrono::system_clock::time_point{1'700'000'000'123'456us};
  all.either = Put{"k", 1};
  expect_same(all);
  expect_same(Everything{});
  auto bytes = term_to_binary(to_term(all));
  auto again = from_term<Everything>(*binary_to_term(bytes));
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(*again, all);
}

TEST(StructTermTest, thirty_two_fields_are_seen) {
  EXPECT_EQ(to_term(Many{}).size(), 32u);
  expect_same(Many{});
}

TEST(StructTermTest, keywords_lose_the_underscore_that_made_them_names) {
  EXPECT_EQ(to_erlang(to_term(Keywords{1, 2})), "#{class => 1,default => 2}");
  EXPECT_EQ(to_erlang(to_term(Empty{})), "#{}");
  EXPECT_TRUE(from_term<Empty>(to_term(Empty{})));
}

TEST(StructTermTest, enums_are_atoms_and_values_without_names_integers) {
  EXPECT_EQ(to_erlang(to_term(Colour::delete_)), "delete");
  EXPECT_EQ(to_erlang(to_term(Colour::far_away)), "200");
  EXPECT_EQ(to_erlang(to_term(Errno::perm)), "perm");
  expect_same(Colour::DarkGreen);
  expect_same(Colour::far_away);
  expect_same(Colour{9});
  expect_same(Errno::perm);
  expect_same(Errno::noent);
  expect_same(old_two);
  EXPECT_EQ(refusal<Colour>("blue").code, Error::unknown_name);
  EXPECT_EQ(refusal<Colour>("300").code, Error::out_of_range);
  EXPECT_EQ(refusal<Colour>("\"red\"").code, Error::wrong_kind);
  EXPECT_EQ(refusal<Old>("1000").code, Error::wrong_kind);
}

TEST(StructTermTest, variants_are_told_apart_by_their_tags) {
  using Either =
      std::variant<std::monostate, int, std::string, std::vector<int>, Address, Put, Close>;
  EXPECT_EQ(to_erlang(to_term(Either{})), "nil");
  EXPECT_EQ(to_erlang(to_term(Either{5})), "{integer,5}");
  EXPECT_EQ(to_erlang(to_term(Either{"s"})), "{binary,<<115>>}");
  EXPECT_EQ(to_erlang(to_term(Either{Put{"k", 1}})), "{put,<<107>>,1}");
  EXPECT_EQ(to_erlang(to_term(Either{Close{}})), "close");
  EXPECT_EQ(to_erlang(to_term(Either{Address{"s", 1}})),
            "{address,#{number => 1,street => <<115>>}}");
  for (const Either& value : {Either{}, Either{5}, Either{"s"}, Either{std::vector{1, 2}},
                              Either{Address{"s", 1}}, Either{Put{"k", 1}}, Either{Close{}}}) {
    expect_same(value);
  }
  EXPECT_EQ(refusal<Either>("{float,1.5}").code, Error::wrong_tag);
  EXPECT_EQ(refusal<Either>("5").code, Error::wrong_tag);
  EXPECT_EQ(refusal<Either>("{integer,x}").code, Error::wrong_kind);
}

TEST(StructTermTest, unknown_keys_are_ignored_and_optional_ones_may_be_missing) {
  auto session = from_term<Session>(*parse_term(
      "#{user => <<\"ann\">>,visits => 1,addresses => [],scores => #{},colour => red,extra => 9}"));
  ASSERT_TRUE(session) << session.error().message();
  EXPECT_FALSE(session->note);
  EXPECT_EQ(session->user, "ann");
  EXPECT_FALSE(from_term<std::optional<int>>(atoms::undefined).value());
}

TEST(StructTermTest, errors_name_the_place) {
  MappingError missing =
      refusal<Session>("#{visits => 1,addresses => [],scores => #{},colour => red}");
  EXPECT_EQ(missing.code, Error::missing_key);
  EXPECT_EQ(missing.path, "user");
  MappingError inside = refusal<Session>(
      "#{user => <<\"a\">>,visits => 1,scores => #{},colour => red,"
      "addresses => [#{street => <<\"s\">>,number => 1},#{street => <<\"s\">>,number => far}]}");
  EXPECT_EQ(inside.code, Error::wrong_kind);
  EXPECT_EQ(inside.path, "addresses[1].number");
  EXPECT_EQ(inside.message(),
            "addresses[1].number: a term of another kind, expected an integer, found far");
  EXPECT_EQ(refusal<Session>("[]").message(),
            "a term of another kind, expected a map, found a list of 0");
  EXPECT_EQ((refusal<std::map<int, int>>("#{1 => x}").path), "1");
}

TEST(StructTermTest, numbers_are_checked) {
  EXPECT_EQ(refusal<std::int8_t>("128").code, Error::out_of_range);
  EXPECT_EQ(refusal<std::uint8_t>("-1").code, Error::out_of_range);
  EXPECT_EQ(refusal<std::int64_t>("9223372036854775808").code, Error::out_of_range);
  EXPECT_EQ(refusal<std::uint64_t>("18446744073709551616").code, Error::out_of_range);
  EXPECT_EQ(refusal<float>("1.0e300").code, Error::out_of_range);
  EXPECT_EQ(refusal<int>("1.0").code, Error::wrong_kind);
  EXPECT_EQ(from_term<double>(3), 3.0);
  EXPECT_EQ(refusal<std::chrono::seconds>("1500").code, Error::out_of_range);
  EXPECT_EQ(from_term<std::chrono::seconds>(2000), 2s);
  EXPECT_EQ(refusal<std::chrono::system_clock::time_point>("9223372036854775807").code,
            Error::out_of_range);
}

TEST(StructTermTest, times_round_down_and_saturate) {
  using std::chrono::sys_seconds;
  using Nanoseconds = std::chrono::sys_time<std::chrono::nanoseconds>;
  EXPECT_EQ(to_term(Nanoseconds{1500ns}), Term{1});
  EXPECT_EQ(to_term(Nanoseconds{-1ns}), Term{-1});
  EXPECT_EQ(to_term(sys_seconds{2s}), Term{2'000'000});
  EXPECT_EQ(to_term(sys_seconds::max()), Term{std::numeric_limits<std::int64_t>::max()});
  EXPECT_EQ(refusal<sys_seconds>("1500000").code, Error::out_of_range);
}

TEST(StructTermTest, a_float_that_erlang_has_not_is_not_written) {
  EXPECT_THROW(to_term(std::vector{1.0, std::numeric_limits<double>::quiet_NaN()}),
               std::domain_error);
}

TEST(StructTermTest, sizes_and_tags_are_checked) {
  EXPECT_EQ((refusal<std::array<int, 2>>("[1]").code), Error::wrong_size);
  EXPECT_EQ((refusal<std::pair<int, int>>("{1}").code), Error::wrong_size);
  EXPECT_EQ((refusal<std::pair<int, int>>("{1,x}").path), "[1]");
  EXPECT_EQ(refusal<Put>("{get,<<\"k\">>,1}").code, Error::wrong_tag);
  EXPECT_EQ(refusal<Put>("{put,<<\"k\">>}").code, Error::wrong_size);
  EXPECT_EQ(refusal<Put>("{put,<<\"k\">>,x}").path, "value");
  EXPECT_EQ(refusal<std::vector<int>>("[1|2]").code, Error::wrong_kind);
  EXPECT_EQ(refusal<User>("#{'__struct__' => 'Elixir.Other',name => <<>>,age => 1}").code,
            Error::wrong_tag);
}

TEST(StructTermTest, texts_may_come_as_lists) {
  EXPECT_EQ(from_term<std::string>(Term::char_list("abc")), "abc");
  EXPECT_EQ(from_term<std::vector<int>>(Term::char_list("ab")), (std::vector{97, 98}));
}

TEST(StructTermTest, recursive_types_are_read_to_a_limit) {
  Tree tree{1, {Tree{2, {}}, Tree{3, {Tree{4, {}}}}}};
  auto back = from_term<Tree>(to_term(tree));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->children[1].children[0].value, 4);
  Term chain = atoms::nil;
  for (int i = 0; i < 100'000; ++i) {
    chain = map({{atom("next"), chain}, {atom("more"), Term::nil()}});
  }
  auto deep = from_term<Chain>(chain);
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().code, Error::too_deep);
  Chain shallow;
  shallow.next = std::make_unique<Chain>();
  EXPECT_TRUE(from_term<Chain>(to_term(shallow))->next);
}

TEST(StructTermTest, a_codec_maps_what_the_compiler_cannot_look_into) {
  Invoice invoice{Money{1250}, 7};
  EXPECT_EQ(to_erlang(to_term(invoice)), "#{number => 7,total => 1250}");
  auto back = from_term<Invoice>(to_term(invoice));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->total.cents(), 1250);
  EXPECT_EQ(refusal<Invoice>("#{number => 7,total => x}").path, "total");
}

TEST(StructTermTest, null_pids_and_references_are_nil) {
  EXPECT_EQ(to_term(Pid{}), atoms::nil);
  EXPECT_EQ(from_term<Pid>(atoms::nil), Pid{});
  EXPECT_EQ(refusal<Pid>("undefined").code, Error::wrong_kind);
}

TEST(StructTermTest, local_types_and_those_of_unnamed_namespaces_have_names) {
  struct Local {
    int inner_value = 4;
  };
  EXPECT_EQ(to_erlang(to_term(Local{})), "#{inner_value => 4}");
  EXPECT_EQ(from_term<Local>(to_term(Local{5}))->inner_value, 5);
  EXPECT_EQ(to_erlang(to_term(Hidden{})), "#{inner_value => 3,text => <<>>}");
  EXPECT_EQ(from_term<Hidden>(to_term(Hidden{5, "x"}))->inner_value, 5);
}

}  // namespace
}  // namespace mapping_test
}  // namespace troupe
