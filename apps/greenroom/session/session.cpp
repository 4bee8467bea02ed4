// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/session.hpp"

namespace greenroom {

std::string_view type_name(ValueType type) {
  switch (type) {
    case ValueType::none:
      return "none";
    case ValueType::string:
      return "string";
    case ValueType::hash:
      return "hash";
  }
  return "none";
}

void Session::set_string(std::string_view bytes) {
  if (auto* old = std::get_if<Bytes>(&value_)) {
    old->assign(bytes);
  } else {
    value_.emplace<Bytes>(bytes);
  }
  ++revision_;
}

Bytes& Session::change_string() {
  ++revision_;
  if (auto* bytes = std::get_if<Bytes>(&value_)) return *bytes;
  return value_.emplace<Bytes>();
}

HashValue& Session::change_hash() {
  ++revision_;
  if (auto* hash = std::get_if<HashValue>(&value_)) return *hash;
  return value_.emplace<HashValue>();
}

void Session::clear() {
  if (exists()) ++revision_;
  value_.emplace<std::monostate>();
  expires_at_ms_ = created_at_ms_ = last_access_at_ms_ = 0;
  reads_ = 0;
}

void Session::fit() {
  if (auto* string = std::get_if<Bytes>(&value_)) string->fit();
  if (auto* hash = std::get_if<HashValue>(&value_)) hash->fit();
}

std::size_t Session::memory_bytes() const {
  std::size_t bytes = sizeof(Session);
  if (auto* string = std::get_if<Bytes>(&value_)) bytes += string->capacity();
  if (auto* hash = std::get_if<HashValue>(&value_)) bytes += hash->memory_bytes();
  return bytes;
}

}  // namespace greenroom
