// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <charconv>
#include <iterator>

#include <troupe/term.hpp>

#include "term/print.hpp"
#include "term/utf8.hpp"

// What io:format("~w") of OTP 25 prints, and for people what "~tp" does to binaries. Maps come in
// the order of their keys, as on the BEAM up to 32 keys; larger ones have an order of the BEAM's
// own there.
namespace troupe {
namespace {

using detail::Brackets;

// erl_scan:reserved_word/1 of OTP 25: `maybe` and `else` are reserved on request only.
constexpr std::string_view reserved[] = {
    "after", "and",  "andalso", "band",   "begin",   "bnot", "bor", "bsl",  "bsr",
    "bxor",  "case", "catch",   "cond",   "div",     "end",  "fun", "if",   "let",
    "not",   "of",   "or",      "orelse", "receive", "rem",  "try", "when", "xor"};

bool is_lower(char32_t c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 0xdf && c <= 0xff && c != 0xf7);
}
bool is_name_character(char32_t c) noexcept {
  return is_lower(c) || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '@' ||
         (c >= 0xc0 && c <= 0xde && c != 0xd7);
}

bool needs_quotes(std::string_view text) noexcept {
  if (text.empty() || !is_lower(detail::next_utf8(text).code)) return true;
  for (std::string_view rest = text; !rest.empty();) {
    detail::Utf8Character next = detail::next_utf8(rest);
    if (!is_name_character(next.code)) return true;
    rest.remove_prefix(next.size);
  }
  return std::find(std::begin(reserved), std::end(reserved), text) != std::end(reserved);
}

// A character between quotes of this kind.
void append_escaped(std::string& out, char32_t code, char quote) {
  if (code == static_cast<char32_t>(quote) || code == '\\') {
    out += '\\';
    out += static_cast<char>(code);
    return;
  }
  switch (code) {
    case '\n':
      out += "\\n";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\v':
      out += "\\v";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case 27:
      out += "\\e";
      return;
    case 127:
      out += "\\d";
      return;
    default:
      break;
  }
  if (code < ' ' || (code >= 0x80 && code < 0xa0)) {
    out += '\\';
    for (int shift : {6, 3, 0}) out += static_cast<char>('0' + (code >> shift & 7));
  } else if (code > 0xff) {
    char digits[8];
    char* end = std::to_chars(digits, digits + sizeof digits, static_cast<unsigned>(code), 16).ptr;
    std::transform(digits, end, digits,
                   [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; });
    out += "\\x{";
    out.append(digits, end);
    out += '}';
  } else {
    detail::append_utf8(out, code);
  }
}

void append_atom(std::string& out, Atom atom) {
  std::string_view text = atom.text();
  if (!needs_quotes(text)) {
    out += text;
    return;
  }
  out += '\'';
  while (!text.empty()) {
    detail::Utf8Character next = detail::next_utf8(text);
    append_escaped(out, next.code, '\'');
    text.remove_prefix(next.size);
  }
  out += '\'';
}

void append_bits(std::string& out, const Term& term) {
  Bits bits = *term.as_bits();
  std::size_t whole = bits.bit_count / 8;
  out += "<<";
  for (std::size_t i = 0; i < whole; ++i) {
    if (i != 0) out += ',';
    out += std::to_string(bits.data[i]);
  }
  if (auto rest = bits.bit_count % 8) {
    if (whole != 0) out += ',';
    out += std::to_string(bits.data[whole] >> (8 - rest));
    out += ':';
    out += std::to_string(rest);
  }
  out += ">>";
}

// Whether io_lib:printable_unicode_list/1 holds for the characters; `is_ascii` tells whether they
// are bytes as well.
bool is_printable(std::string_view text, bool& is_ascii) noexcept {
  is_ascii = true;
  while (!text.empty()) {
    const auto [code, size] = detail::next_utf8(text);
    if (size == 0) return false;  // no UTF-8
    const bool is_control =
        (code < ' ' && !(code >= 8 && code <= 13) && code != 27) || (code >= 0x7f && code < 0xa0);
    if (is_control) return false;
    if (code >= 0x80) is_ascii = false;
    text.remove_prefix(size);
  }
  return true;
}

// False: not a text.
bool append_text(std::string& out, const Term& term) {
  const auto text = term.as_binary();
  bool is_ascii = true;
  if (!text || text->empty() || !is_printable(*text, is_ascii)) return false;
  out += "<<\"";
  for (std::string_view rest = *text; !rest.empty();) {
    const detail::Utf8Character next = detail::next_utf8(rest);
    if (next.code > 0xff) {
      detail::append_utf8(out, next.code);  // as it is: it is read by people
    } else {
      append_escaped(out, next.code, '"');
    }
    rest.remove_prefix(next.size);
  }
  out += is_ascii ? "\">>" : "\"/utf8>>";
  return true;
}

void append_fun(std::string& out, const Term& fun) {
  const detail::TermBox* box = detail::TermAccess::box(fun);
  const Term* parts = detail::slots(box);
  auto atom = [&](const Term& term) {
    append_atom(out, term.as_atom().value_or(atoms::undefined));
  };
  if (box->form == detail::fun_external) {
    out += "fun ";
    atom(parts[0]);
    out += ':';
    atom(parts[1]);
    out += '/';
    detail::append_integer(out, parts[2]);
    return;
  }
  bool ancient = box->form == detail::fun_ancient;
  out += "#Fun<";
  atom(parts[ancient ? 1 : 3]);
  out += '.';
  detail::append_integer(out, parts[ancient ? 2 : 4]);
  out += '.';
  detail::append_integer(out, parts[ancient ? 3 : 5]);
  out += '>';
}

struct ErlangSyntax {
  bool leaf(std::string& out, const Term& term) {
    switch (term.kind()) {
      case TermKind::integer:
        detail::append_integer(out, term);
        return true;
      case TermKind::floating:
        detail::append_erlang_float(out, *term.as_double());
        return true;
      case TermKind::atom:
        append_atom(out, *term.as_atom());
        return true;
      case TermKind::binary:
        append_bits(out, term);
        return true;
      case TermKind::fun:
        append_fun(out, term);
        return true;
      case TermKind::pid:
        return identity(out, "<", term);
      case TermKind::port:
        return identity(out, "#Port<", term);
      case TermKind::reference:
        return identity(out, "#Ref<", term);
      default:
        return false;
    }
  }
  static bool identity(std::string& out, std::string_view open, const Term& term) {
    out += open;
    detail::append_identity(out, term);
    out += '>';
    return true;
  }
  Brackets brackets(std::string&, const Term& term) {
    if (term.is_map()) return {"#{", ",", "", "}", " => "};
    if (term.is_tuple()) return {"{", ",", "", "}"};
    return {"[", ",", "|", "]"};
  }
  bool keyed(const Term&) { return false; }
  void key(std::string&, const Term&) {}
  bool skips(const Term&, const Term&) { return false; }
};

struct ReadableSyntax : ErlangSyntax {
  bool leaf(std::string& out, const Term& term) {
    return (term.kind() == TermKind::binary && append_text(out, term)) ||
           ErlangSyntax::leaf(out, term);
  }
};

}  // namespace

std::string detail::to_readable(const Term& term) {
  std::string out;
  Printer<ReadableSyntax>{out}.print(term);
  return out;
}

std::string to_erlang(const Term& term) {
  std::string out;
  detail::Printer<ErlangSyntax>{out}.print(term);
  return out;
}

}  // namespace troupe
