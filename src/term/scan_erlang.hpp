// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/term.hpp>

namespace troupe::detail {

// A token of Erlang's syntax, as far as literals need it.
struct Token {
  enum class Kind : std::uint8_t { end, punctuation, atom, number, string };
  Kind kind = Kind::end;
  std::size_t offset = 0;
  std::string_view text;             // punctuation, unquoted atoms
  Term value;                        // atom, number (and $c)
  std::vector<char32_t> characters;  // string
  bool quoted = false;               // an atom in quotes: never a keyword
};

// Splits a text into tokens; every answer after an error is that error's.
class ErlangScanner {
 public:
  ErlangScanner(std::string_view text, bool existing_atoms_only) noexcept
      : text_{text}, existing_atoms_only_{existing_atoms_only} {}

  std::expected<Token, ParseError> next();

 private:
  using Error = std::unexpected<ParseError>;

  void skip_blanks() noexcept;
  Error fail(ParseError::Code code, std::string_view expected) const {
    return Error{ParseError{code, at_, expected}};
  }
  char peek(std::size_t ahead = 0) const noexcept {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  std::expected<char32_t, ParseError> character();  // one of a quoted text, or an escape
  std::expected<std::vector<char32_t>, ParseError> quoted(char quote);
  std::expected<Token, ParseError> number(Token token);
  std::expected<Token, ParseError> name(Token token);
  std::expected<Term, ParseError> make_atom(std::string_view text);
  std::size_t digits(unsigned base, std::string& into);

  std::string_view text_;
  std::size_t at_ = 0;
  bool existing_atoms_only_;
};

}  // namespace troupe::detail
