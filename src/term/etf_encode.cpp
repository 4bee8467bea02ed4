// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <string>

#include <troupe/etf.hpp>

#include "term/atom_text.hpp"
#include "term/box.hpp"
#include "term/etf_compress.hpp"
#include "term/etf_tags.hpp"
#include "term/inline_stack.hpp"
#include "term/utf8.hpp"

namespace troupe {
namespace {

namespace etf = detail::etf;
using detail::payload;
using detail::TermAccess;
using detail::TermBox;

// Bytes for the end of a string. The first of them wait here, so that a small term costs one
// allocation of the size it needs; more of them go to the string, with room made in large steps.
class Output {
 public:
  explicit Output(std::string& out) noexcept : out_{out}, start_{out.size()} {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // Leaves all bytes at the end of the string.
  void finish() {
    if (data_ == first_) {
      out_.append(first_, size_);
    } else {
      out_.resize(start_ + size_);
    }
  }

  // Where the next `count` bytes go: they count as written.
  [[gnu::always_inline]] char* take(std::size_t count) {
    if (capacity_ - size_ < count) grow(count);
    char* at = data_ + size_;
    size_ += count;
    return at;
  }
  // For several writes in a row: where they go and where the room ends. Between writer() and
  // wrote() nothing else may write.
  struct Writer {
    char* at;
    char* end;
    std::size_t room() const noexcept { return static_cast<std::size_t>(end - at); }
    void pair(std::uint8_t first, std::uint8_t second) noexcept {
      at[0] = static_cast<char>(first);
      at[1] = static_cast<char>(second);
      at += 2;
    }
  };
  Writer writer() noexcept { return {data_ + size_, data_ + capacity_}; }
  void wrote(const Writer& writer) noexcept { size_ = static_cast<std::size_t>(writer.at - data_); }
  Writer more(const Writer& so_far, std::size_t count) {
    wrote(so_far);
    grow(count);
    return writer();
  }
  template <class T>
  static void put(char* at, std::uint8_t tag, T value) noexcept {
    *at = static_cast<char>(tag);
    value = big_endian(value);
    std::memcpy(at + 1, &value, sizeof value);
  }

  std::size_t size() const noexcept { return size_; }
  // Writes the number of bytes since `at`, counting itself, at that place.
  void patch_size(std::size_t at) noexcept {
    std::uint32_t value = big_endian(static_cast<std::uint32_t>(size_ - at));
    std::memcpy(data_ + at, &value, sizeof value);
  }
  void byte(std::uint8_t value) { *take(1) = static_cast<char>(value); }
  void bytes(const void* data, std::size_t count) {
    if (count != 0) std::memcpy(take(count), data, count);
  }
  void tag16(std::uint8_t tag, std::uint16_t value) { put<std::uint16_t>(take(3), tag, value); }
  void tag32(std::uint8_t tag, std::uint32_t value) { put<std::uint32_t>(take(5), tag, value); }
  void u32(std::uint32_t value) {
    value = big_endian(value);
    std::memcpy(take(4), &value, 4);
  }
  void u64(std::uint64_t value) {
    value = big_endian(value);
    std::memcpy(take(8), &value, 8);
  }

 private:
  template <class T>
  static T big_endian(T value) noexcept {
    return std::endian::native == std::endian::little ? std::byteswap(value) : value;
  }
  [[gnu::cold, gnu::noinline]] void grow(std::size_t count) {
    std::size_t wanted = size_ + std::max(count, size_);
    out_.resize_and_overwrite(start_ + wanted, [&](char* data, std::size_t given) {
      if (data_ == first_) std::memcpy(data + start_, first_, size_);
      return given;
    });
    data_ = out_.data() + start_;
    capacity_ = wanted;
  }

  char first_[512];
  char* data_ = first_;
  std::size_t size_ = 0;
  std::size_t capacity_ = sizeof first_;
  std::string& out_;
  std::size_t start_;  // how long the string was
};

// Latin-1 of the text, if it has nothing else.
bool to_latin1(std::string_view text, std::string& out) {
  while (!text.empty()) {
    detail::Utf8Character next = detail::next_utf8(text);
    if (next.code > 0xff) return false;
    out += static_cast<char>(next.code);
    text.remove_prefix(next.size);
  }
  return true;
}

class Encoder {
 public:
  Encoder(std::string& out, int minor_version) : out_{out}, minor_version_{minor_version} {}

  void version() { out_.byte(etf::version); }

  // Small integers, short atoms and small tuples, of which most terms mostly are, are written here,
  // with the place in registers; all else by other().
  void encode(const Term& root) {
    Output::Writer writer = out_.writer();
    const Term* next = &root;
    std::size_t count = 1;
    for (;;) {
      if (count == 0 || next == nullptr) {
        out_.wrote(writer);
        if (count != 0) out_.patch_size(count);
        if (open_.empty()) break;
        next = open_.top().next;
        count = open_.top().count;
        open_.pop();
        continue;
      }
      const Term& term = *next++;
      --count;
      if (writer.room() < most_of_these) writer = out_.more(writer, most_of_these);
      if (leaf(writer.at, term)) continue;
      if (term.is_tuple() && TermAccess::box(term)->size < 256) {
        const TermBox* box = TermAccess::box(term);
        const Term* element = detail::slots(box);
        const Term* end = element + box->size;
        writer.pair(etf::small_tuple_ext, static_cast<std::uint8_t>(box->size));
        // As far as its elements are leaves they need no way back to what follows the tuple.
        const Term* first_end = element + std::min<std::size_t>(box->size, most_leaves);
        while (element != first_end && leaf(writer.at, *element)) ++element;
        if (element == end) continue;
        if (count != 0) {
          Range& rest = open_.push();
          rest.next = next;
          rest.count = count;
        }
        next = element;
        count = static_cast<std::size_t>(end - element);
        continue;
      }
      out_.wrote(writer);
      inside_ = {next, count};
      other(term);
      next = inside_.next;
      count = inside_.count;
      writer = out_.writer();
    }
    out_.finish();
  }

 private:
  // Terms still to be written; or, where next is null, a closure that ends here, and where its size
  // goes.
  struct Range {
    const Term* next;
    std::size_t count;
  };

  static constexpr std::size_t short_atom = 16;
  static constexpr std::size_t largest_leaf = 2 + short_atom;
  static constexpr std::size_t most_leaves = 8;  // of a tuple, in one go
  static constexpr std::size_t most_of_these = 2 + most_leaves * largest_leaf;

  // Writes a term that has no inside and is short, in up to largest_leaf bytes. False: it is not.
  [[gnu::always_inline]] bool leaf(char*& at, const Term& term) const noexcept {
    if (TermAccess::is_small(term)) {
      std::int64_t value = TermAccess::small(term);
      if (static_cast<std::uint64_t>(value) < 256) {
        at[0] = static_cast<char>(etf::small_integer_ext);
        at[1] = static_cast<char>(value);
        at += 2;
        return true;
      }
      if (value != static_cast<std::int32_t>(value)) return false;
      Output::put(at, etf::integer_ext, static_cast<std::uint32_t>(value));
      at += 5;
      return true;
    }
    if (!term.is_atom()) return false;
    const detail::AtomEntry& entry = detail::atom_entry(*term.as_atom());
    if (entry.size > short_atom || minor_version_ < 2) return false;
    at[0] = static_cast<char>(etf::small_atom_utf8_ext);
    // The first 8 bytes stand in the entry; the last 8, if there are more, may overlap them.
    Output::put(at + 1, static_cast<std::uint8_t>(entry.size), entry.prefix);
    at += 2 + entry.size;
    if (entry.size > 8) std::memcpy(at - 8, entry.text + entry.size - 8, 8);
    return true;
  }

  void other(const Term& term) {
    if (TermAccess::is_small(term)) return long_integer(TermAccess::small(term));
    if (term.is_atom()) return atom(*term.as_atom());
    if (term.is_nil()) return out_.byte(etf::nil_ext);
    const TermBox* box = TermAccess::box(term);
    switch (term.kind()) {
      case TermKind::integer:
        return big(box);
      case TermKind::floating:
        return floating(*term.as_double());
      case TermKind::tuple:
        out_.tag32(etf::large_tuple_ext, box->size);
        return open(detail::slots(box), box->size);
      case TermKind::map:
        out_.tag32(etf::map_ext, box->size);
        return open(detail::slots(box), std::size_t{box->size} * 2);
      case TermKind::list:
        return list(term, box);
      case TermKind::binary:
        if (box->bits == 0) {
          out_.tag32(etf::binary_ext, box->size);
        } else {
          out_.tag32(etf::bit_binary_ext, box->size);
          out_.byte(box->bits);
        }
        return out_.bytes(payload(box), box->size);
      case TermKind::pid:
        return pid(*term.as_foreign_pid());
      case TermKind::reference:
        return reference(*term.as_foreign_ref());
      case TermKind::port:
        return port(*term.as_port());
      case TermKind::fun:
        return fun(box);
      case TermKind::atom:
        return;
    }
  }

  // Goes on inside of a term, and afterwards with what is left around it.
  void open(const Term* terms, std::size_t count) {
    if (count == 0) return;
    if (inside_.count != 0) open_.push(inside_);
    inside_ = {terms, count};
  }

  void long_integer(std::int64_t value) {
    auto magnitude = static_cast<std::uint64_t>(value);
    if (value < 0) magnitude = 0 - magnitude;
    big(value < 0, &magnitude, 1);
  }
  void big(const TermBox* box) {
    big(box->form != 0, reinterpret_cast<const std::uint64_t*>(payload(box)), box->size);
  }
  void big(bool negative, const std::uint64_t* limbs, std::size_t count) {
    std::size_t size = count * 8 - static_cast<std::size_t>(std::countl_zero(limbs[count - 1])) / 8;
    if (size < 256) {
      out_.byte(etf::small_big_ext);
      out_.byte(static_cast<std::uint8_t>(size));
    } else {
      out_.tag32(etf::large_big_ext, static_cast<std::uint32_t>(size));
    }
    out_.byte(negative);
    char* at = out_.take(size);
    for (std::size_t i = 0; i < size; ++i) at[i] = static_cast<char>(limbs[i / 8] >> i % 8 * 8);
  }

  void floating(double value) {
    if (minor_version_ == 0) {
      char text[etf::float_text_size + 1] = {};
      std::snprintf(text, sizeof text, "%.20e", value);
      out_.byte(etf::float_ext);
      out_.bytes(text, etf::float_text_size);
      return;
    }
    out_.byte(etf::new_float_ext);
    out_.u64(std::bit_cast<std::uint64_t>(value));
  }

  void atom(Atom atom) {
    const detail::AtomEntry& entry = detail::atom_entry(atom);
    if (minor_version_ < 2) {
      std::string latin1;
      if (to_latin1(entry.view(), latin1)) {
        out_.tag16(etf::atom_ext, static_cast<std::uint16_t>(latin1.size()));
        return out_.bytes(latin1.data(), latin1.size());
      }
    }
    if (entry.size < 256) {
      char* at = out_.take(2u + entry.size);
      at[0] = static_cast<char>(etf::small_atom_utf8_ext);
      at[1] = static_cast<char>(entry.size);
      std::memcpy(at + 2, entry.text, entry.size);
    } else {
      out_.tag16(etf::atom_utf8_ext, entry.size);
      out_.bytes(entry.text, entry.size);
    }
  }

  void list(const Term& term, const TermBox* box) {
    if (string(term, box)) return;
    out_.tag32(etf::list_ext, box->size);
    // The tail comes after the elements; that of a proper list stands in no slot.
    static const Term nil = Term::nil();
    if (box->form == detail::form_plain) open(&nil, 1);
    open(detail::slots(box), detail::slot_count(box));
  }

  // As OTP, short lists of bytes take a byte for each.
  bool string(const Term& term, const TermBox* box) {
    if (box->form != detail::form_plain || box->size > etf::max_string_ext) return false;
    for (const Term& element : term.elements()) {
      if (!TermAccess::is_small(element)) return false;
      if (static_cast<std::uint64_t>(TermAccess::small(element)) > 255) return false;
    }
    out_.tag16(etf::string_ext, static_cast<std::uint16_t>(box->size));
    char* at = out_.take(box->size);
    for (const Term& element : term.elements()) {
      *at++ = static_cast<char>(TermAccess::small(element));
    }
    return true;
  }

  void pid(const ForeignPid& pid) {
    out_.byte(etf::new_pid_ext);
    atom(pid.node);
    out_.u32(pid.id);
    out_.u32(pid.serial);
    out_.u32(pid.creation);
  }
  void reference(const ForeignRef& reference) {
    out_.tag16(etf::newer_reference_ext, static_cast<std::uint16_t>(reference.word_count));
    atom(reference.node);
    out_.u32(reference.creation);
    for (std::uint32_t i = 0; i < reference.word_count; ++i) out_.u32(reference.words[i]);
  }
  // Nodes before OTP 24 drop a connection over V4_PORT_EXT, so only ports that need it get it.
  void port(const PortName& port) {
    bool small = port.id < 1u << 28;
    out_.byte(small ? etf::new_port_ext : etf::v4_port_ext);
    atom(port.node);
    if (small) {
      out_.u32(static_cast<std::uint32_t>(port.id));
    } else {
      out_.u64(port.id);
    }
    out_.u32(port.creation);
  }

  void fun(const TermBox* box) {
    const Term* parts = detail::slots(box);
    if (box->form == detail::fun_external) {
      out_.byte(etf::export_ext);
      return open(parts, 3);
    }
    if (box->form == detail::fun_ancient) {
      out_.tag32(etf::fun_ext, box->size - 4);
      return open(parts, box->size);
    }
    // A closure says how long it is: the place is kept, and filled in when all is written.
    std::size_t start = out_.size() + 1;
    out_.tag32(etf::new_fun_ext, 0);
    out_.byte(static_cast<std::uint8_t>(parts[0].as_int().value_or(0)));
    std::string_view uniq = parts[1].as_binary().value_or("");
    out_.bytes(uniq.data(), uniq.size());
    out_.u32(static_cast<std::uint32_t>(parts[2].as_int().value_or(0)));
    out_.u32(box->size - 7);
    open(nullptr, start);
    open(parts + 3, box->size - 3u);
  }

  Output out_;
  int minor_version_;
  Range inside_{nullptr, 0};             // where the writing goes on
  detail::InlineStack<Range, 16> open_;  // what follows after that
};

}  // namespace

void append_term(std::string& out, const Term& term, const EncodeOptions& options) {
  Encoder encoder{out, options.minor_version};
  if (options.version) encoder.version();
  encoder.encode(term);
}

std::string term_to_binary(const Term& term, const EncodeOptions& options) {
  std::string out;
  append_term(out, term, options);
  if (options.compressed > 0) detail::compress_term(out, options.version, options.compressed);
  return out;
}

}  // namespace troupe
