// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "term/scan_erlang.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "term/bignum.hpp"
#include "term/utf8.hpp"

namespace troupe::detail {
namespace {

using Code = ParseError::Code;

// No more digits than the largest integer has in base 2, leading zeros aside.
constexpr std::size_t max_digits = Term::max_big_limbs * 64 + 1;

int digit_of(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'z') return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return 99;
}
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

}  // namespace

void ErlangScanner::skip_blanks() noexcept {
  while (at_ < text_.size()) {
    char c = text_[at_];
    if (c == '%') {
      while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    } else if (c == ' ' || (c >= '\t' && c <= '\r')) {
      ++at_;
    } else {
      return;
    }
  }
}

std::expected<Token, ParseError> ErlangScanner::next() {
  skip_blanks();
  Token token;
  token.offset = at_;
  if (at_ == text_.size()) return token;
  char c = peek();
  if (is_digit(c)) return number(std::move(token));
  if (c == '"') {
    auto characters = quoted('"');
    if (!characters) return std::unexpected{characters.error()};
    token.kind = Token::Kind::string;
    token.characters = std::move(*characters);
    return token;
  }
  if (c == '\'') {
    auto characters = quoted('\'');
    if (!characters) return std::unexpected{characters.error()};
    std::string text;
    for (char32_t code : *characters) append_utf8(text, code);
    auto atom = make_atom(text);
    if (!atom) return std::unexpected{atom.error()};
    token.kind = Token::Kind::atom;
    token.value = *atom;
    token.quoted = true;
    return token;
  }
  if (c == '$') {
    ++at_;
    auto code = character();
    if (!code) return std::unexpected{code.error()};
    token.kind = Token::Kind::number;
    token.value = Term{static_cast<std::uint32_t>(*code)};
    return token;
  }
  if ((c >= 'a' && c <= 'z') || static_cast<std::uint8_t>(c) >= 0x80) return name(std::move(token));
  token.kind = Token::Kind::punctuation;
  for (std::string_view two : {"=>", "<<", ">>", "#{"}) {
    if (text_.substr(at_).starts_with(two)) {
      token.text = two;
      at_ += 2;
      return token;
    }
  }
  if (std::string_view{"[]{}(),|.-+:/"}.find(c) == std::string_view::npos) {
    return fail(Code::syntax, "a term");
  }
  token.text = text_.substr(at_++, 1);
  return token;
}

std::expected<Term, ParseError> ErlangScanner::make_atom(std::string_view text) {
  auto atom = existing_atoms_only_ ? Atom::existing(text) : Atom::try_make(text);
  if (!atom) return fail(Code::bad_atom, to_string(atom.error()));
  return Term{*atom};
}

std::expected<Token, ParseError> ErlangScanner::name(Token token) {
  std::size_t start = at_;
  while (at_ < text_.size()) {
    char c = text_[at_];
    if (static_cast<std::uint8_t>(c) >= 0x80) {
      Utf8Character next = next_utf8(text_.substr(at_));
      bool letter =
          next.code >= 0xc0 && next.code <= 0xff && next.code != 0xd7 && next.code != 0xf7;
      if (!letter || (at_ == start && next.code < 0xdf)) return fail(Code::syntax, "a term");
      at_ += next.size;
    } else if (digit_of(c) < 36 || c == '_' || c == '@') {
      ++at_;
    } else {
      break;
    }
  }
  token.text = text_.substr(start, at_ - start);
  token.kind = Token::Kind::atom;
  auto atom = make_atom(token.text);
  if (!atom) return std::unexpected{atom.error()};
  token.value = *atom;
  return token;
}

// Digits of a base, with single underscores between them as 1_000_000; returns how many there were.
std::size_t ErlangScanner::digits(unsigned base, std::string& into) {
  std::size_t count = 0;
  for (;;) {
    if (peek() == '_' && count > 0 && digit_of(peek(1)) < static_cast<int>(base)) ++at_;
    if (at_ == text_.size() || digit_of(peek()) >= static_cast<int>(base)) return count;
    into += text_[at_++];
    ++count;
  }
}

std::expected<Token, ParseError> ErlangScanner::number(Token token) {
  token.kind = Token::Kind::number;
  std::string text;
  digits(10, text);
  unsigned base = 10;
  if (peek() == '#' && text.size() <= 2) {
    base = static_cast<unsigned>(std::stoi(text));
    if (base < 2 || base > 36) return fail(Code::bad_number, "a base from 2 to 36");
    ++at_;
    text.clear();
    if (digits(base, text) == 0) return fail(Code::bad_number, "a digit of that base");
  } else if (peek() == '.' && is_digit(peek(1))) {
    text += text_[at_++];
    digits(10, text);
    if (peek() == 'e' || peek() == 'E') {
      std::size_t sign = peek(1) == '-' || peek(1) == '+' ? 1 : 0;
      if (!is_digit(peek(1 + sign))) return fail(Code::bad_number, "an exponent");
      text += 'e';
      if (peek(1) == '-') text += '-';
      at_ += 1 + sign;
      digits(10, text);
    }
    double value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    // What is too small for a double is 0 to Erlang; what is too large is an error.
    bool tiny = error == std::errc::result_out_of_range && text.find("e-") != std::string::npos;
    if (tiny) value = 0;
    if ((error != std::errc{} && !tiny) || end != text.data() + text.size() ||
        !std::isfinite(value)) {
      return fail(Code::bad_number, "a float a double can hold");
    }
    token.value = Term{value};
    return token;
  }
  std::string_view significant = text;
  significant.remove_prefix(std::min(significant.find_first_not_of('0'), significant.size()));
  if (significant.size() > max_digits) return fail(Code::too_large, "an integer of 131,072 bits");
  Magnitude magnitude = parse_magnitude(significant, base, Term::max_big_limbs);
  if (!magnitude.fits) return fail(Code::too_large, "an integer of 131,072 bits");
  token.value = Term::big(false, magnitude.limbs);
  return token;
}

std::expected<std::vector<char32_t>, ParseError> ErlangScanner::quoted(char quote) {
  ++at_;
  std::vector<char32_t> characters;
  for (;;) {
    if (at_ == text_.size()) return fail(Code::syntax, "the closing quote");
    if (peek() == quote) {
      ++at_;
      return characters;
    }
    auto code = character();
    if (!code) return std::unexpected{code.error()};
    characters.push_back(*code);
  }
}

std::expected<char32_t, ParseError> ErlangScanner::character() {
  Utf8Character next = next_utf8(text_.substr(at_));
  if (next.size == 0) return fail(Code::syntax, "a character of UTF-8");
  at_ += next.size;
  if (next.code != '\\') return next.code;
  char c = peek();
  if (at_ == text_.size()) return fail(Code::syntax, "an escape");
  if (c >= '0' && c <= '7') {
    char32_t code = 0;
    for (int i = 0; i < 3 && peek() >= '0' && peek() <= '7'; ++i) {
      code = code * 8 + static_cast<char32_t>(text_[at_++] - '0');
    }
    return code;
  }
  if (c == 'x') {
    ++at_;
    bool braces = peek() == '{';
    if (braces) ++at_;
    char32_t code = 0;
    int count = 0;
    for (; digit_of(peek()) < 16 && count < (braces ? 6 : 2); ++count) {
      code = code * 16 + static_cast<char32_t>(digit_of(text_[at_++]));
    }
    bool closed = !braces || peek() == '}';
    bool valid = code <= 0x10'ffff && (code < 0xd800 || code > 0xdfff);
    if (count < (braces ? 1 : 2) || !closed || !valid) return fail(Code::syntax, "a hex escape");
    if (braces) ++at_;
    return code;
  }
  if (c == '^') {
    at_ += 1;
    char control = peek();
    if (control < '@' || control > 'z') return fail(Code::syntax, "a control character");
    ++at_;
    return static_cast<char32_t>(control & 31);
  }
  next = next_utf8(text_.substr(at_));
  if (next.size == 0) return fail(Code::syntax, "a character of UTF-8");
  at_ += next.size;
  switch (next.code) {
    case 'n':
      return U'\n';
    case 't':
      return U'\t';
    case 'r':
      return U'\r';
    case 'v':
      return U'\v';
    case 'b':
      return U'\b';
    case 'f':
      return U'\f';
    case 'e':
      return char32_t{27};
    case 's':
      return U' ';
    case 'd':
      return char32_t{127};
    default:
      return next.code;
  }
}

}  // namespace troupe::detail
