// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "resp/parser.hpp"

#include <algorithm>
#include <cstring>

#include "resp/inline_words.hpp"
#include "resp/number.hpp"

namespace greenroom {
namespace {

// A count has 20 characters at most; a line much longer is no count. Redis waits for 64 KiB of it.
constexpr std::size_t max_length_line = 64;

// What an idle connection may keep allocated between requests.
constexpr std::size_t max_idle_pending = 1024;
constexpr std::size_t max_idle_arguments = 64;

template <class Container>
void release_if_larger(Container& container, std::size_t kept) {
  if (container.capacity() > kept) Container{}.swap(container);
}

}  // namespace

void RequestParser::feed(std::string_view bytes) {
  if (failed_) return;
  if (external_) keep_rest();
  if (pending_.empty()) {
    input_ = bytes;
    external_ = true;
    return;
  }
  // The finished requests in front are dropped once they are half of the buffer, so every byte is
  // moved at most once per doubling.
  if (start_ >= pending_.size() / 2 && start_ > 0) {
    pending_.erase(0, start_);
    at_ -= start_;
    scanned_ -= std::min(scanned_, start_);
    start_ = 0;
  }
  pending_.append(bytes);
  input_ = pending_;
}

std::size_t RequestParser::memory_bytes() const {
  return pending_.capacity() + inline_text_.capacity() + error_.capacity() +
         found_.capacity() * sizeof(std::pair<std::size_t, std::size_t>) +
         arguments_.capacity() * sizeof(std::string_view);
}

RequestParser::Step RequestParser::next() {
  if (failed_) return Step::failed;
  arguments_.clear();
  for (;;) {
    if (at_ == input_.size() && arguments_left_ == 0) return keep_rest();
    bool is_array = arguments_left_ > 0 || input_[at_] == '*';
    Step step = is_array ? parse_array() : parse_inline();
    if (step == Step::failed) return step;
    if (step == Step::incomplete) {
      if (input_.size() - start_ > limits_.max_request_bytes)
        return fail("ERR Protocol error: too big request");
      return keep_rest();
    }
    if (!arguments_.empty()) return step;
  }
}

RequestParser::Step RequestParser::fail(std::string words) {
  failed_ = true;
  error_ = std::move(words);
  arguments_.clear();
  std::string{}.swap(pending_);
  input_ = {};
  start_ = at_ = scanned_ = 0;
  external_ = false;
  return Step::failed;
}

// Makes the caller's chunk dispensable, and gives memory back when nothing is left over.
RequestParser::Step RequestParser::keep_rest() {
  if (external_) {
    pending_.assign(input_.substr(start_));
    at_ -= start_;
    scanned_ -= std::min(scanned_, start_);
    start_ = 0;
    external_ = false;
  } else if (start_ == pending_.size()) {
    pending_.clear();
    start_ = at_ = scanned_ = 0;
  }
  if (pending_.empty()) {
    release_if_larger(pending_, max_idle_pending);
    release_if_larger(inline_text_, max_idle_pending);
    release_if_larger(found_, max_idle_arguments);
    release_if_larger(arguments_, max_idle_arguments);
  }
  input_ = pending_;
  return Step::incomplete;
}

// Marks that everything up to at_ is dealt with.
void RequestParser::begin_request() {
  start_ = scanned_ = at_;
  found_.clear();
  arguments_left_ = 0;
  bulk_length_ = no_length;
}

// Reads `first` digits CR LF at at_, and steps over it when it is there. `wrong` means that this
// can never become such a line.
RequestParser::Found RequestParser::read_length_line(char first, std::string_view too_long,
                                                     std::string_view& digits) {
  std::string_view line = input_.substr(at_, max_length_line);
  std::size_t end = line.find('\r');
  if (end == std::string_view::npos) {
    if (line.size() < max_length_line) return Found::no;
    fail("ERR Protocol error: " + std::string(too_long));
    return Found::wrong;
  }
  if (at_ + end + 1 == input_.size()) return Found::no;
  if (line[0] != first) {
    fail(std::string("ERR Protocol error: expected '") + first + "', got '" + line[0] + "'");
    return Found::wrong;
  }
  // A CR without its LF is left among the digits, which makes them no number.
  bool whole = input_[at_ + end + 1] == '\n';
  digits = line.substr(1, whole ? end - 1 : end);
  at_ += end + 2;
  return Found::yes;
}

RequestParser::Step RequestParser::parse_array() {
  if (arguments_left_ == 0) {
    Found count = parse_count();
    if (count != Found::yes) return count == Found::no ? Step::incomplete : Step::failed;
    if (arguments_left_ == 0) {
      begin_request();
      return Step::request;
    }
  }
  while (arguments_left_ > 0) {
    Found bulk = parse_bulk();
    if (bulk != Found::yes) return bulk == Found::no ? Step::incomplete : Step::failed;
    --arguments_left_;
  }
  if (at_ - start_ > limits_.max_request_bytes) return fail("ERR Protocol error: too big request");
  arguments_.reserve(found_.size());
  for (auto [offset, length] : found_) arguments_.push_back(input_.substr(start_ + offset, length));
  begin_request();
  return Step::request;
}

RequestParser::Found RequestParser::parse_count() {
  std::string_view digits;
  Found line = read_length_line('*', "too big mbulk count string", digits);
  if (line != Found::yes) return line;
  auto count = parse_integer(digits);
  if (!count || (*count > 0 && static_cast<std::uint64_t>(*count) > limits_.max_arguments)) {
    fail("ERR Protocol error: invalid multibulk length");
    return Found::wrong;
  }
  if (peer_ == Peer::anonymous && *count > 0 &&
      static_cast<std::uint64_t>(*count) > limits_.max_anonymous_arguments) {
    fail("ERR Protocol error: unauthenticated multibulk length");
    return Found::wrong;
  }
  arguments_left_ = *count > 0 ? static_cast<std::size_t>(*count) : 0;
  return Found::yes;
}

RequestParser::Found RequestParser::parse_bulk() {
  if (bulk_length_ == no_length) {
    std::string_view digits;
    Found line = read_length_line('$', "too big bulk count string", digits);
    if (line != Found::yes) return line;
    auto length = parse_integer(digits);
    if (!length || *length < 0 || static_cast<std::uint64_t>(*length) > limits_.max_bulk_bytes) {
      fail("ERR Protocol error: invalid bulk length");
      return Found::wrong;
    }
    if (peer_ == Peer::anonymous &&
        static_cast<std::uint64_t>(*length) > limits_.max_anonymous_bulk_bytes) {
      fail("ERR Protocol error: unauthenticated bulk length");
      return Found::wrong;
    }
    bulk_length_ = static_cast<std::size_t>(*length);
  }
  if (input_.size() - at_ < bulk_length_ + 2) return Found::no;
  if (input_.substr(at_ + bulk_length_, 2) != "\r\n") {
    fail("ERR Protocol error: expected CRLF after bulk string");
    return Found::wrong;
  }
  found_.emplace_back(at_ - start_, bulk_length_);
  at_ += bulk_length_ + 2;
  bulk_length_ = no_length;
  return Found::yes;
}

RequestParser::Step RequestParser::parse_inline() {
  std::size_t end = input_.find('\n', std::max(at_, scanned_));
  std::size_t length = (end == std::string_view::npos ? input_.size() : end) - at_;
  if (length > limits_.max_inline_bytes) return fail("ERR Protocol error: too big inline request");
  if (end == std::string_view::npos) {
    scanned_ = input_.size();
    return Step::incomplete;
  }
  std::string_view line = input_.substr(at_, length);
  if (line.ends_with('\r')) line.remove_suffix(1);
  at_ = end + 1;
  inline_text_.clear();
  found_.clear();
  if (!split_inline(line, inline_text_, found_))
    return fail("ERR Protocol error: unbalanced quotes in request");
  for (auto [offset, size] : found_)
    arguments_.push_back(std::string_view{inline_text_}.substr(offset, size));
  begin_request();
  return Step::request;
}

}  // namespace greenroom
