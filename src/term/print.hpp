// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/term.hpp>

#include "term/box.hpp"

namespace troupe::detail {

// For reports: as to_erlang, but a binary of printable characters is shown as text, <<"text">>, as
// "~p" does. Lists of small numbers stay lists: no C++ program keeps its texts in those.
std::string to_readable(const Term& term);

void append_integer(std::string& out, const Term& integer);

// The shortest digits that read back as the same float, without point, sign or exponent: the value
// is 0.DIGITS * 10^point.
struct ShortestFloat {
  std::string digits;
  int point = 0;
  bool negative = false;
};
ShortestFloat shortest_float(double value);

// As io_lib_format:fwrite_g of OTP 25 and later writes floats, which ~w uses.
void append_erlang_float(std::string& out, double value);

// What stands between the angle brackets of a printed pid, port or reference.
void append_identity(std::string& out, const Term& term);

// How the parts of a compound term are put together.
struct Brackets {
  std::string_view open;
  std::string_view between;
  std::string_view before_tail;
  std::string_view close;
  std::string_view arrow = {};  // maps: between key and value; empty where the key brings its own
};

// Prints a term of any depth without recursion. A Syntax provides:
//   bool leaf(std::string&, const Term&)      prints a term that has no inside, else false
//   Brackets brackets(std::string&, const Term&)  of a list, tuple or map; may print a prefix
//   bool keyed(const Term&)                   whether keys (or first elements) print through key()
//   void key(std::string&, const Term&)
//   bool skips(const Term& map, const Term& key)  an entry that brackets() has shown already
template <class Syntax>
class Printer {
 public:
  explicit Printer(std::string& out) : out_{out} {}

  void print(const Term& root) {
    begin(root);
    while (!frames_.empty()) step();
  }

 private:
  struct Frame {
    const Term* term;
    std::size_t next = 0;  // which element, or for maps which key or value
    Brackets brackets;
    bool keyed = false;
    bool first = true;
  };

  void begin(const Term& term) {
    if (syntax_.leaf(out_, term)) return;
    Brackets brackets = syntax_.brackets(out_, term);
    out_ += brackets.open;
    frames_.push_back({&term, 0, brackets, syntax_.keyed(term)});
  }

  void separate(Frame& frame) {
    if (!frame.first) out_ += frame.brackets.between;
    frame.first = false;
  }

  void step() {
    Frame& frame = frames_.back();
    const Term& term = *frame.term;
    if (term.is_map()) {
      auto entries = term.entries();
      if (frame.next == entries.size() * 2) return end();
      const MapEntry& entry = entries[frame.next / 2];
      if (frame.next++ % 2 != 0) {
        out_ += frame.brackets.arrow;
        begin(entry.value);
        return;
      }
      if (syntax_.skips(term, entry.key)) {
        ++frame.next;
        return;
      }
      separate(frame);
      if (frame.keyed) {
        syntax_.key(out_, entry.key);
      } else {
        begin(entry.key);
      }
      return;
    }
    auto elements = term.elements();
    if (frame.next < elements.size()) {
      const Term& element = elements[frame.next++];
      separate(frame);
      if (frame.keyed) {
        syntax_.key(out_, element[0]);
        begin(element[1]);
      } else {
        begin(element);
      }
      return;
    }
    if (frame.next == elements.size() && term.is_list() && !term.is_proper_list()) {
      ++frame.next;
      out_ += frame.brackets.before_tail;
      begin(slots(TermAccess::box(term))[elements.size()]);
      return;
    }
    end();
  }

  void end() {
    out_ += frames_.back().brackets.close;
    frames_.pop_back();
  }

  std::string& out_;
  Syntax syntax_;
  std::vector<Frame> frames_;
};

}  // namespace troupe::detail
