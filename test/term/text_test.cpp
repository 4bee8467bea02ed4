// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// Terms as text, where the comparison with erl and elixir does not reach.
#include <gtest/gtest.h>
#include <string>

#include <troupe/term.hpp>

#include "term/print.hpp"

namespace troupe {
namespace {

using Code = ParseError::Code;

Term parsed(std::string_view text) {
  auto term = parse_term(text);
  EXPECT_TRUE(term) << text << ": expected " << (term ? "" : term.error().expected);
  return term.value_or(Term{});
}

TEST(TermTextTest, erlang_syntax_is_that_of_w) {
  EXPECT_EQ(to_erlang(tuple({atom("ok"), 42, 3.5, Term::binary("hi"), list({1, 2})})),
            "{ok,42,3.5,<<104,105>>,[1,2]}");
  EXPECT_EQ(to_erlang(map({{atom("k"), 1}, {1, atom("A b")}})), "#{1 => 'A b',k => 1}");
  EXPECT_EQ(to_erlang(Term::list_with_tail(std::initializer_list<Term>{1}, 2)), "[1|2]");
  EXPECT_EQ(to_erlang(Pid{1, 84, 0}), "<0.84.0>");
  EXPECT_EQ(to_erlang(Pid{2, 84, 0}), "<1.84.0>");
  EXPECT_EQ(to_erlang(ForeignPid{Atom{"a@b"}, 1, 84, 0}), "<a@b.84.0>");
  EXPECT_EQ(to_erlang(Ref{1, 5}), "#Ref<0.0.0.5>");
  EXPECT_EQ(to_erlang(PortName{Atom{"a@b"}, 1, 6}), "#Port<a@b.6>");
}

TEST(TermTextTest, binaries_of_characters_are_readable_in_reports) {
  const auto shown = [](std::string_view bytes) {
    return detail::to_readable(tuple({atom("e"), Term::binary(bytes)}));
  };
  EXPECT_EQ(shown("no such file"), "{e,<<\"no such file\">>}");
  EXPECT_EQ(shown("a \"b\" \\\n\t'c'"), "{e,<<\"a \\\"b\\\" \\\\\\n\\t'c'\">>}");
  EXPECT_EQ(shown("gr\u00fc\u00df \u03bb"), "{e,<<\"gr\u00fc\u00df \u03bb\"/utf8>>}");
  // What is no text stays what it is.
  EXPECT_EQ(shown(""), "{e,<<>>}");
  EXPECT_EQ(shown(std::string_view{"a\0", 2}), "{e,<<97,0>>}");
  EXPECT_EQ(shown("\xfc"), "{e,<<252>>}");
  EXPECT_EQ(shown("\x7f"), "{e,<<127>>}");
  EXPECT_EQ(detail::to_readable(list({97, 98})), "[97,98]");
  for (const char* text : {"plain", "a \"b\" \\\n\t'c'", "gr\u00fc\u00df \u03bb", ""}) {
    EXPECT_EQ(parsed(detail::to_readable(Term::binary(text))), Term::binary(text));
  }
}

TEST(TermTextTest, elixir_syntax_is_that_of_inspect) {
  EXPECT_EQ(to_elixir(map({{atom("name"), Term::binary("Ann")}, {atom("age"), 7}})),
            "%{age: 7, name: \"Ann\"}");
  EXPECT_EQ(to_elixir(map({{Term::binary("a"), 1}, {atom("b"), Term{}}})),
            "%{:b => nil, \"a\" => 1}");
  EXPECT_EQ(to_elixir(list({tuple({atom("a"), 1}), tuple({atom("b c"), 2})})),
            "[a: 1, \"b c\": 2]");
  EXPECT_EQ(to_elixir(Term::char_list("abc")), "~c\"abc\"");
  EXPECT_EQ(to_elixir(Pid{1, 84, 0}), "#PID<0.84.0>");
  EXPECT_EQ(to_elixir(atom("Elixir.My.App")), "My.App");
  EXPECT_EQ(to_elixir(map({{atoms::struct_, atom("Elixir.Session")}, {atom("id"), 3}})),
            "%Session{id: 3}");
}

TEST(TermTextTest, usual_spellings_are_read) {
  EXPECT_EQ(parsed(" {ok , -1 , +2 } . "), tuple({atom("ok"), -1, 2}));
  EXPECT_EQ(parsed("16#ff"), 255);
  EXPECT_EQ(parsed("1_000_000"), 1'000'000);
  EXPECT_EQ(parsed("$a"), 'a' + 0);
  EXPECT_EQ(parsed("$\\n"), 10);
  EXPECT_EQ(parsed("\"ab\" \"c\""), Term::char_list("abc"));
  EXPECT_EQ(parsed("\"\""), Term::nil());
  EXPECT_EQ(parsed("<<\"ab\",0,5:3>>"),
            Term::bitstring(reinterpret_cast<const std::uint8_t*>("ab\0\xa0"), 27));
  EXPECT_EQ(parsed("<<\"\u00e4\"/utf8>>"), Term::binary("\u00e4"));
  EXPECT_EQ(parsed("<<\"\u00e4\">>"), Term::binary("\xe4"));
  EXPECT_EQ(parsed("% a comment\n[1,2|[3]] % another"), list({1, 2, 3}));
  EXPECT_EQ(parsed("'a\\x{3bb}\\'b'"), atom("a\u03bb'b"));
  EXPECT_EQ(parsed("#{a=>1,a=>2}"), map({{atom("a"), 2}}));
  EXPECT_EQ(parsed("fun lists:map/2"), Term::external_fun(Atom{"lists"}, Atom{"map"}, 2));
  EXPECT_EQ(parsed("'fun'"), atom("fun"));
  EXPECT_EQ(parsed("1.5e-3"), 0.0015);
  EXPECT_EQ(parsed("1.0e-999"), 0.0);
}

TEST(TermTextTest, wrong_texts_say_where_and_what_was_expected) {
  struct Case {
    std::string_view text;
    Code code;
    std::size_t offset;
  };
  for (const Case& wrong :
       {Case{"", Code::syntax, 0}, Case{"{ok", Code::syntax, 3}, Case{"{ok,}", Code::syntax, 4},
        Case{"[1|2,3]", Code::syntax, 4}, Case{"#{a}", Code::syntax, 3},
        Case{"'abc", Code::syntax, 4}, Case{"1.0e999", Code::bad_number, 7},
        Case{"99#1", Code::bad_number, 2}, Case{"ok ok", Code::syntax, 3},
        Case{"X", Code::syntax, 0}, Case{"<<300>", Code::syntax, 5}, Case{"]", Code::syntax, 0},
        Case{"\"\xff\"", Code::syntax, 1}, Case{"<0.1.2>", Code::syntax, 0}}) {
    auto term = parse_term(wrong.text);
    ASSERT_FALSE(term) << wrong.text;
    EXPECT_EQ(term.error().code, wrong.code) << wrong.text;
    EXPECT_EQ(term.error().offset, wrong.offset) << wrong.text;
    EXPECT_FALSE(term.error().expected.empty()) << wrong.text;
  }
}

TEST(TermTextTest, parsing_keeps_its_limits) {
  EXPECT_EQ(parse_term("[[[]]]", {.depth = 2}).error().code, Code::too_deep);
  EXPECT_TRUE(parse_term("[[[]]]", {.depth = 3}));
  EXPECT_EQ(parse_term("[1,2,3]", {.items = 3}).error().code, Code::too_large);
  EXPECT_EQ(parse_term("\"abcdef\"", {.items = 3}).error().code, Code::too_large);
  EXPECT_EQ(parse_term("[1,2,3]", {.bytes = 3}).error().code, Code::too_large);
  EXPECT_EQ(parse_term("no_test_makes_that", {.existing_atoms_only = true}).error().code,
            Code::bad_atom);
  EXPECT_EQ(parse_term(std::string(300, 'a')).error().code, Code::bad_atom);
  EXPECT_EQ(parse_term(std::string(200'000, '9')).error().code, Code::too_large);
  EXPECT_TRUE(parse_term(std::string(200'000, '0')));
}

TEST(TermTextTest, the_largest_integer_prints_and_parses) {
  std::vector<std::uint64_t> limbs(Term::max_big_limbs, ~std::uint64_t{0});
  Term largest = Term::big(true, limbs);
  EXPECT_EQ(parsed(to_erlang(largest)), largest);
  EXPECT_EQ(parse_term(to_erlang(largest) + "0").error().code, Code::too_large);
}

TEST(TermTextTest, deep_texts_do_not_overflow_the_stack) {
  std::string deep(500'000, '[');
  EXPECT_EQ(parse_term(deep).error().code, Code::too_deep);
  deep += std::string(500'000, ']');
  EXPECT_TRUE(parse_term(deep, {.depth = 500'000}));
}

}  // namespace
}  // namespace troupe
