// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <span>
#include <utility>
#include <vector>

#include <troupe/term.hpp>

#include "term/box.hpp"
#include "term/scan_erlang.hpp"
#include "term/utf8.hpp"

// Reads Erlang literals without recursion: finished terms wait on one stack, the brackets that are
// open on another.
namespace troupe {
namespace {

using detail::Token;
using Code = ParseError::Code;
using Kind = Token::Kind;

struct Open {
  enum class What : std::uint8_t { list, tail, tuple, map_key, map_value };
  What what;
  std::size_t first;  // of its terms on the stack
};

class Parser {
 public:
  Parser(std::string_view text, const ParseLimits& limits)
      : scanner_{text, limits.existing_atoms_only}, limits_{limits} {}

  std::expected<Term, ParseError> run() {
    if (!advance()) return error();
    for (;;) {
      auto complete = value();
      if (!complete) return std::unexpected{complete.error()};
      if (!*complete) continue;
      // A term is complete: close what it closes, until another is needed.
      for (bool more = false; !more;) {
        if (open_.empty()) return finish();
        auto next = after_value();
        if (!next) return std::unexpected{next.error()};
        more = *next;
      }
    }
  }

 private:
  using Outcome = std::expected<bool, ParseError>;

  bool advance() {
    auto token = scanner_.next();
    if (!token) {
      failure_ = token.error();
      return false;
    }
    token_ = std::move(*token);
    return true;
  }
  std::unexpected<ParseError> error() const { return std::unexpected{failure_}; }
  std::unexpected<ParseError> fail(Code code, std::string_view expected) const {
    return std::unexpected{ParseError{code, token_.offset, expected}};
  }
  bool is(std::string_view punctuation) const noexcept {
    return token_.kind == Kind::punctuation && token_.text == punctuation;
  }

  std::expected<Term, ParseError> finish() {
    if (is(".") && !advance()) return error();
    if (token_.kind != Kind::end) return fail(Code::syntax, "the end of the text");
    return std::move(values_.back());
  }

  Outcome push(Term term) {
    if (++items_ > limits_.items) return fail(Code::too_large, "fewer terms");
    values_.push_back(std::move(term));
    return true;
  }
  Outcome push_and_advance(Term term) {
    if (!advance()) return error();
    return push(std::move(term));
  }

  Outcome begin(Open::What what) {
    if (open_.size() >= limits_.depth) return fail(Code::too_deep, "less nesting");
    open_.push_back({what, values_.size()});
    if (!advance()) return error();
    bool closed = is(what == Open::What::list ? "]" : "}");
    if (closed) return close();
    return false;
  }

  // True where a term was completed, false where a bracket was opened.
  Outcome value() {
    switch (token_.kind) {
      case Kind::atom:
        if (!token_.quoted && token_.text == "fun") return external_fun();
        return push_and_advance(token_.value);
      case Kind::number:
        return push_and_advance(token_.value);
      case Kind::string:
        return string();
      case Kind::end:
        return fail(Code::syntax, "a term");
      case Kind::punctuation:
        break;
    }
    if (is("[")) return begin(Open::What::list);
    if (is("{")) return begin(Open::What::tuple);
    if (is("#{")) return begin(Open::What::map_key);
    if (is("<<")) return bits();
    if (is("-") || is("+")) return signed_number();
    return fail(Code::syntax, "a term");
  }

  Outcome signed_number() {
    bool negative = is("-");
    if (!advance()) return error();
    if (token_.kind != Kind::number) return fail(Code::syntax, "a number");
    return push_and_advance(negative ? negated(token_.value) : token_.value);
  }

  static Term negated(const Term& number) {
    if (auto value = number.as_double()) return Term{-*value};
    if (auto small = number.as_int()) return Term{-*small};  // never the lowest: it was unsigned
    return Term::big(true, number.as_big()->limbs);
  }

  // Adjacent strings are one.
  Outcome string() {
    std::vector<Term> codes;
    while (token_.kind == Kind::string) {
      for (char32_t code : token_.characters) codes.emplace_back(static_cast<std::uint32_t>(code));
      if (codes.size() > limits_.items) return fail(Code::too_large, "fewer terms");
      if (!advance()) return error();
    }
    items_ += codes.size();
    return push(list(codes));
  }

  Outcome external_fun() {
    auto part = [&](std::string_view separator, Kind kind, Term& into) -> Outcome {
      if (!separator.empty() && !is(separator)) return fail(Code::syntax, separator);
      if (!separator.empty() && !advance()) return error();
      if (token_.kind != kind) return fail(Code::syntax, "fun Module:Function/Arity");
      into = token_.value;
      if (!advance()) return error();
      return true;
    };
    if (!advance()) return error();
    Term module;
    Term function;
    Term arity;
    if (auto done = part("", Kind::atom, module); !done) return done;
    if (auto done = part(":", Kind::atom, function); !done) return done;
    if (auto done = part("/", Kind::number, arity); !done) return done;
    auto count = arity.as_int();
    if (!count || *count > 255) return fail(Code::bad_number, "an arity up to 255");
    return push(Term::external_fun(*module.as_atom(), *function.as_atom(),
                                   static_cast<std::uint8_t>(*count)));
  }

  // <<1, 2:4, "text", "text"/utf8>>: integers of 1 to 64 bits, or 8.
  Outcome bits() {
    std::vector<std::uint8_t> bytes;
    std::size_t bit_count = 0;
    auto append = [&](std::uint64_t value, unsigned width) {
      while (width-- > 0) {
        if (bit_count % 8 == 0) bytes.push_back(0);
        if (value >> width & 1) bytes.back() |= static_cast<std::uint8_t>(0x80 >> bit_count % 8);
        ++bit_count;
      }
    };
    if (!advance()) return error();
    for (bool first = true; !is(">>"); first = false) {
      if (!first) {
        if (!is(",")) return fail(Code::syntax, ", or >>");
        if (!advance()) return error();
      }
      if (token_.kind == Kind::string) {
        std::vector<char32_t> characters = std::move(token_.characters);
        if (!advance()) return error();
        bool utf8 = false;
        if (is("/")) {
          if (!advance()) return error();
          if (token_.text != "utf8") return fail(Code::syntax, "utf8");
          utf8 = true;
          if (!advance()) return error();
        }
        for (char32_t code : characters) {
          if (!utf8 && code > 0xff) return fail(Code::syntax, "/utf8 after the string");
          std::string text;
          if (utf8) {
            detail::append_utf8(text, code);
          } else {
            text = static_cast<char>(code);
          }
          for (char c : text) append(static_cast<std::uint8_t>(c), 8);
        }
        continue;
      }
      bool negative = is("-");
      if (negative && !advance()) return error();
      auto number = token_.value.as_int();
      if (token_.kind != Kind::number || !number) return fail(Code::syntax, "an integer or string");
      auto value = static_cast<std::uint64_t>(negative ? -*number : *number);
      if (!advance()) return error();
      unsigned width = 8;
      if (is(":")) {
        if (!advance()) return error();
        auto size = token_.value.as_int();
        if (token_.kind != Kind::number || !size || *size < 0 || *size > 64) {
          return fail(Code::bad_number, "a size of up to 64 bits");
        }
        width = static_cast<unsigned>(*size);
        if (!advance()) return error();
      }
      append(value, width);
    }
    return push_and_advance(Term::bitstring(bytes.data(), bit_count));
  }

  // What may follow a complete term within the innermost bracket. True where another term must come
  // next, false where a bracket closed and so the next outer one is to be looked at.
  Outcome after_value() {
    Open& open = open_.back();
    switch (open.what) {
      case Open::What::list:
        if (is(",")) return more();
        if (is("|")) {
          open.what = Open::What::tail;
          return more();
        }
        break;
      case Open::What::tuple:
        if (is(",")) return more();
        break;
      case Open::What::map_key:
        if (!is("=>")) return fail(Code::syntax, "=>");
        open.what = Open::What::map_value;
        return more();
      case Open::What::map_value:
        if (is(",")) {
          open.what = Open::What::map_key;
          return more();
        }
        break;
      case Open::What::tail:
        break;
    }
    bool list = open.what == Open::What::list || open.what == Open::What::tail;
    if (!is(list ? "]" : "}")) return fail(Code::syntax, list ? ", or | or ]" : ", or }");
    auto closed = close();
    if (!closed) return closed;
    return false;
  }

  Outcome more() {
    if (!advance()) return error();
    return true;
  }

  // The bracket is complete: its terms become one.
  Outcome close() {
    Open open = open_.back();
    open_.pop_back();
    std::span<Term> parts{values_.data() + open.first, values_.size() - open.first};
    Term made;
    switch (open.what) {
      case Open::What::list:
        made = list(std::span<const Term>{parts});
        break;
      case Open::What::tail:
        made = Term::list_with_tail(parts.first(parts.size() - 1), parts.back());
        break;
      case Open::What::tuple:
        made = tuple(std::span<const Term>{parts});
        break;
      case Open::What::map_key:
      case Open::What::map_value: {
        std::vector<MapEntry> entries;
        entries.reserve(parts.size() / 2);
        for (std::size_t i = 0; i < parts.size(); i += 2) {
          entries.push_back({std::move(parts[i]), std::move(parts[i + 1])});
        }
        made = map(entries);
        break;
      }
    }
    values_.resize(open.first);
    return push_and_advance(std::move(made));
  }

  detail::ErlangScanner scanner_;
  const ParseLimits& limits_;
  Token token_;
  ParseError failure_{Code::syntax, 0, ""};
  std::vector<Term> values_;
  std::vector<Open> open_;
  std::size_t items_ = 0;
};

}  // namespace

std::expected<Term, ParseError> parse_term(std::string_view text, const ParseLimits& limits) {
  if (text.size() > limits.bytes) {
    return std::unexpected{ParseError{Code::too_large, limits.bytes, "a shorter text"}};
  }
  return Parser{text, limits}.run();
}

}  // namespace troupe
