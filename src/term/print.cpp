// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "term/print.hpp"

#include <charconv>
#include <cmath>

#include "term/bignum.hpp"

namespace troupe::detail {
namespace {

void append_number(std::string& out, std::integral auto value) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

// The first runtime of a program prints as 0, which is how Erlang prints the pids of its own node;
// what belongs to a node that has no number here prints with the node's name.
void append_node(std::string& out, Atom name, std::uint32_t creation) {
  if (auto node = node_number({name, creation})) {
    append_number(out, *node - 1);
  } else {
    out += name.text();
  }
}

}  // namespace

void append_integer(std::string& out, const Term& integer) {
  if (auto small = integer.as_int()) return append_number(out, *small);
  BigInteger big = *integer.as_big();
  if (big.negative) out += '-';
  append_decimal(out, big.limbs);
}

ShortestFloat shortest_float(double value) {
  ShortestFloat result;
  result.negative = std::signbit(value);
  char text[32];
  char* end =
      std::to_chars(text, text + sizeof text, std::fabs(value), std::chars_format::scientific).ptr;
  char* exponent = text;
  for (; *exponent != 'e'; ++exponent) {
    if (*exponent != '.') result.digits += *exponent;
  }
  int power = 0;
  char* first = exponent + 1;
  if (*first == '+') ++first;
  std::from_chars(first, end, power);
  result.point = power + 1;
  return result;
}

void append_erlang_float(std::string& out, double value) {
  auto [digits, point, negative] = shortest_float(value);
  if (negative) out += '-';
  auto length = static_cast<int>(digits.size());
  auto scientific = [&] {
    out += digits[0];
    out += '.';
    out += length == 1 ? "0" : std::string_view{digits}.substr(1);
    out += 'e';
    append_number(out, point - 1);
  };
  if (value == 0) {
    out += "0.0";
  } else if (std::fabs(value) >= 0x1p53) {
    // From here on not every integer is a float, and digits before the point would mislead.
    scientific();
  } else if (point > 0 && point < length) {
    out.append(digits, 0, static_cast<std::size_t>(point));
    out += '.';
    out.append(digits, static_cast<std::size_t>(point));
  } else {
    // Whichever is shorter, and plain digits where both are the same.
    std::string power;
    append_number(power, point - 1);
    int exponent_cost = static_cast<int>(power.size()) + 1 + (length == 1 ? 2 : 1);
    if (point <= 0 && 2 - point <= exponent_cost) {
      out += "0.";
      out.append(static_cast<std::size_t>(-point), '0');
      out += digits;
    } else if (point > 0 && point - length + 2 <= exponent_cost) {
      out += digits;
      out.append(static_cast<std::size_t>(point - length), '0');
      out += ".0";
    } else {
      scientific();
    }
  }
}

void append_identity(std::string& out, const Term& term) {
  if (auto pid = term.as_foreign_pid()) {
    append_node(out, pid->node, pid->creation);
    out += '.';
    append_number(out, pid->id);
    out += '.';
    append_number(out, pid->serial);
  } else if (auto port = term.as_port()) {
    append_node(out, port->node, port->creation);
    out += '.';
    append_number(out, port->id);
  } else if (auto reference = term.as_foreign_ref()) {
    append_node(out, reference->node, reference->creation);
    for (std::uint32_t i = reference->word_count; i-- > 0;) {
      out += '.';
      append_number(out, reference->words[i]);
    }
  }
}

}  // namespace troupe::detail
