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
    case ValueType::set:
      return "set";
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

HashValue& Session::change_set() {
  ++revision_;
  if (auto* set = std::get_if<SetValue>(&value_)) return set->members;
  return value_.emplace<SetValue>().members;
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
  if (auto* set = std::get_if<SetValue>(&value_)) set->members.fit();
}

std::size_t Session::memory_bytes() const {
  std::size_t bytes = sizeof(Session);
  if (auto* string = std::get_if<Bytes>(&value_)) bytes += string->capacity();
  if (auto* hash = std::get_if<HashValue>(&value_)) bytes += hash->memory_bytes();
  if (auto* set = std::get_if<SetValue>(&value_)) bytes += set->members.memory_bytes();
  return bytes;
}

Session Session::clone() const {
  Session copy;
  if (auto* string = std::get_if<Bytes>(&value_)) copy.value_.emplace<Bytes>(string->view());
  if (auto* hash = std::get_if<HashValue>(&value_)) copy.value_.emplace<HashValue>(hash->clone());
  if (auto* set = std::get_if<SetValue>(&value_))
    copy.value_.emplace<SetValue>(set->members.clone());
  copy.expires_at_ms_ = expires_at_ms_;
  copy.created_at_ms_ = created_at_ms_;
  copy.last_access_at_ms_ = last_access_at_ms_;
  copy.revision_ = revision_;
  copy.reads_ = reads_;
  copy.last_client_ = last_client_;
  return copy;
}

}  // namespace greenroom
