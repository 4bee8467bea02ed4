// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <iterator>

#include <troupe/term.hpp>

#include "term/print.hpp"
#include "term/utf8.hpp"

// What inspect/1 of Elixir prints, without its limits and line breaks. Two things differ from
// Elixir 1.14, both on purpose: printable character lists are ~c"..." (the spelling since 1.15),
// and every map with a `__struct__` prints as a struct, for whether its module is loaded is unknown
// here. Atoms with letters of rarer scripts are quoted where Elixir would not.
namespace troupe {
namespace {

using detail::Brackets;

constexpr std::string_view operators[] = {
    "+",   "-",   "*",    "/",  "++", "--",  "+++", "---", "**",  "==",   "!=",   "=~",
    "===", "!==", "<",    ">",  "<=", ">=",  "&&",  "||",  "!",   "&&&",  "|||",  "<<<",
    ">>>", "|>",  "<~>",  "<~", "~>", "<<~", "~>>", "..",  "...", "..//", "<>",   "=",
    "->",  "<-",  "\\\\", "|",  "&",  "@",   "^",   "%",   "%{}", "{}",   "<<>>", "."};

// Elixir takes letters of one script for an identifier, ASCII digits apart.
enum class Script : std::uint8_t { none, latin, greek, cyrillic, japanese, korean };

Script script_of(char32_t c) noexcept {
  if (c < 0x80) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ? Script::latin
                                                                        : Script::none;
  }
  if (c >= 0xc0 && c <= 0x24f && c != 0xd7 && c != 0xf7) return Script::latin;
  if (c >= 0x391 && c <= 0x3c9 && c != 0x3a2) return Script::greek;
  if (c >= 0x400 && c <= 0x481) return Script::cyrillic;
  if ((c >= 0x3041 && c <= 0x3096) || (c >= 0x30a1 && c <= 0x30fa) ||
      (c >= 0x4e00 && c <= 0x9fff)) {
    return Script::japanese;
  }
  return c >= 0xac00 && c <= 0xd7a3 ? Script::korean : Script::none;
}
bool is_letter(char32_t c) noexcept { return script_of(c) != Script::none; }
bool is_digit(char32_t c) noexcept { return c >= '0' && c <= '9'; }

bool is_identifier(std::string_view text) noexcept {
  detail::Utf8Character next = detail::next_utf8(text);
  Script script = script_of(next.code);
  if (script == Script::none) return false;
  for (text.remove_prefix(next.size); !text.empty(); text.remove_prefix(next.size)) {
    next = detail::next_utf8(text);
    if ((next.code == '?' || next.code == '!') && text.size() == 1) return true;
    if (is_digit(next.code) || next.code == '@' || next.code == '_') continue;
    if (script_of(next.code) != script) return false;
  }
  return true;
}

// "Elixir", or "Elixir." followed by segments as in Foo.Bar2.
bool is_alias(std::string_view text) noexcept {
  if (text == "Elixir") return true;
  if (!text.starts_with("Elixir.")) return false;
  text.remove_prefix(6);
  while (!text.empty()) {
    text.remove_prefix(1);
    if (text.empty() || text[0] < 'A' || text[0] > 'Z') return false;
    while (!text.empty() && text[0] != '.') {
      auto c = static_cast<unsigned char>(text[0]);
      if (c >= 0x80 || (!is_letter(c) && !is_digit(c))) return false;
      text.remove_prefix(1);
    }
  }
  return true;
}

bool is_unquoted(std::string_view text) noexcept {
  return is_identifier(text) ||
         std::find(std::begin(operators), std::end(operators), text) != std::end(operators);
}

bool is_printable(char32_t c) noexcept {
  return (c >= 7 && c <= 13) || c == 27 || (c >= ' ' && c <= 127) || (c >= 0xa0 && c <= 0xd7ff) ||
         (c >= 0xe000 && c <= 0xfffd) || c >= 0x1'0000;
}

bool is_printable_text(std::string_view text) noexcept {
  while (!text.empty()) {
    detail::Utf8Character next = detail::next_utf8(text);
    if (next.size == 0 || !is_printable(next.code)) return false;
    text.remove_prefix(next.size);
  }
  return true;
}

void append_hex(std::string& out, unsigned value, int width) {
  for (int shift = (width - 1) * 4; shift >= 0; shift -= 4) {
    out += "0123456789ABCDEF"[value >> shift & 15];
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    detail::Utf8Character next = detail::next_utf8(text);
    switch (next.code) {
      case 0:
        out += "\\0";
        break;
      case 7:
        out += "\\a";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\v':
        out += "\\v";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\r':
        out += "\\r";
        break;
      case 27:
        out += "\\e";
        break;
      case 127:
        out += "\\d";
        break;
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '#':
        out += text.starts_with("#{") ? "\\#" : "#";
        break;
      default:
        if (is_printable(next.code)) {
          out += text.substr(0, next.size);
        } else if (next.code < 0x100) {
          out += "\\x";
          append_hex(out, next.code, 2);
        } else {
          out += "\\x{";
          append_hex(out, next.code, next.code < 0x1'0000 ? 4 : 6);
          out += '}';
        }
    }
    text.remove_prefix(next.size);
  }
  out += '"';
}

void append_atom(std::string& out, Atom atom) {
  std::string_view text = atom.text();
  if (atom == atoms::nil || atom == atoms::true_ || atom == atoms::false_) {
    out += text;
  } else if (is_alias(text)) {
    out += text.starts_with("Elixir.") && text != "Elixir.Elixir" ? text.substr(7) : text;
  } else {
    out += ':';
    if (is_unquoted(text)) {
      out += text;
    } else {
      append_quoted(out, text);
    }
  }
}

// A key as in [key: 1].
void append_key(std::string& out, Atom atom) {
  std::string_view text = atom.text();
  if (is_unquoted(text) && text != "Elixir") {
    out += text;
  } else {
    append_quoted(out, text);
  }
  out += ": ";
}

bool may_be_key(const Term& term) noexcept {
  auto atom = term.as_atom();
  return atom && !atom->text().starts_with("Elixir.");
}

bool is_keyword_list(const Term& term) noexcept {
  return !term.is_nil() && term.is_proper_list() &&
         std::ranges::all_of(term.elements(), [](const Term& element) {
           return element.is_tuple(2) && may_be_key(element[0]);
         });
}

std::optional<Atom> struct_name(const Term& map) noexcept {
  const Term* name = map.find(atoms::struct_);
  return name ? name->as_atom() : std::nullopt;
}

bool is_char_list(const Term& term) noexcept {
  return !term.is_nil() && term.is_proper_list() &&
         std::ranges::all_of(term.elements(), [](const Term& element) {
           auto code = element.as_int();
           return code && *code >= 7 && *code < 127 && is_printable(static_cast<char32_t>(*code));
         });
}

void append_bits(std::string& out, const Term& term) {
  if (auto text = term.as_binary(); text && is_printable_text(*text)) {
    append_quoted(out, *text);
    return;
  }
  Bits bits = *term.as_bits();
  std::size_t whole = bits.bit_count / 8;
  out += "<<";
  for (std::size_t i = 0; i < whole; ++i) {
    if (i != 0) out += ", ";
    out += std::to_string(bits.data[i]);
  }
  if (auto rest = bits.bit_count % 8) {
    if (whole != 0) out += ", ";
    out += std::to_string(bits.data[whole] >> (8 - rest));
    out += "::size(" + std::to_string(rest) + ")";
  }
  out += ">>";
}

void append_float(std::string& out, double value) {
  double magnitude = value < 0 ? -value : value;
  if (magnitude >= 1 && magnitude < 1e16 &&
      static_cast<double>(static_cast<std::int64_t>(value)) == value) {
    out += std::to_string(static_cast<std::int64_t>(value)) + ".0";
  } else {
    detail::append_erlang_float(out, value);
  }
}

void append_fun(std::string& out, const Term& fun) {
  const detail::TermBox* box = detail::TermAccess::box(fun);
  const Term* parts = detail::slots(box);
  auto atom = [](const Term& term) { return term.as_atom().value_or(atoms::undefined); };
  if (box->form == detail::fun_external) {
    out += '&';
    append_atom(out, atom(parts[0]));
    out += '.';
    std::string_view name = atom(parts[1]).text();
    if (is_unquoted(name)) {
      out += name;
    } else {
      append_quoted(out, name);
    }
    out += '/';
    detail::append_integer(out, parts[2]);
    return;
  }
  bool ancient = box->form == detail::fun_ancient;
  out += "#Function<";
  detail::append_integer(out, parts[ancient ? 2 : 4]);
  out += '.';
  detail::append_integer(out, parts[ancient ? 3 : 5]);
  out += " in ";
  append_atom(out, atom(parts[ancient ? 1 : 3]));
  out += '>';
}

struct ElixirSyntax {
  bool leaf(std::string& out, const Term& term) {
    switch (term.kind()) {
      case TermKind::integer:
        detail::append_integer(out, term);
        return true;
      case TermKind::floating:
        append_float(out, *term.as_double());
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
        return identity(out, "#PID<", term);
      case TermKind::port:
        return identity(out, "#Port<", term);
      case TermKind::reference:
        return identity(out, "#Reference<", term);
      case TermKind::list:
        if (!is_char_list(term)) return false;
        out += "~c";
        append_quoted(out, *term.as_text());
        return true;
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
  Brackets brackets(std::string& out, const Term& term) {
    if (term.is_tuple()) return {"{", ", ", "", "}"};
    if (term.is_list()) return {"[", ", ", " | ", "]"};
    out += '%';
    if (auto name = struct_name(term)) append_atom(out, *name);
    return {"{", ", ", "", "}", keyed(term) ? "" : " => "};
  }
  bool keyed(const Term& term) {
    if (term.is_list()) return is_keyword_list(term);
    return term.is_map() && std::ranges::all_of(term.entries(), [](const MapEntry& entry) {
             return may_be_key(entry.key);
           });
  }
  void key(std::string& out, const Term& key) { append_key(out, *key.as_atom()); }
  bool skips(const Term& map, const Term& key) {
    return key.is_atom(atoms::struct_) && struct_name(map).has_value();
  }
};

}  // namespace

std::string to_elixir(const Term& term) {
  std::string out;
  detail::Printer<ElixirSyntax>{out}.print(term);
  return out;
}

}  // namespace troupe
