// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <troupe/etf.hpp>
#include <troupe/storage.hpp>
#include <troupe/struct_term.hpp>

// Values of any mapped type (see struct_term.hpp) in a store, in the external term format, which
// Erlang and Elixir read with binary_to_term:
//
//     storage::put_value(store, "ann", Session{"ann", 3});
//     auto session = storage::get_value<Session>(store, "ann");  // Result<optional<Session>>
namespace troupe::storage {

namespace detail {
std::unexpected<StorageError> undecodable(std::string_view key, const DecodeError& error);
std::unexpected<StorageError> wrong_type(std::string_view key, const MappingError& error);
}  // namespace detail

template <class T>
std::string encode_value(const T& value) {
  return term_to_binary(to_term(value));
}

// `key` is for the text of the error: `corrupt` if the bytes are no term, `wrong_type` if the term
// is no T.
template <class T>
Result<T> decode_value(std::string_view bytes, std::string_view key) {
  auto term = binary_to_term(bytes);
  if (!term) return detail::undecodable(key, term.error());
  auto value = from_term<T>(*term);
  if (!value) return detail::wrong_type(key, value.error());
  return std::move(*value);
}

template <class T>
Result<void> put_value(Store& store, std::string_view key, const T& value) {
  return store.put(key, encode_value(value));
}

template <class T>
Result<std::optional<T>> get_value(Store& store, std::string_view key) {
  auto bytes = store.get(key);
  if (!bytes) return std::unexpected(std::move(bytes.error()));
  if (!*bytes) return std::optional<T>{};
  auto value = decode_value<T>(**bytes, key);
  if (!value) return std::unexpected(std::move(value.error()));
  return std::optional<T>{std::move(*value)};
}

}  // namespace troupe::storage
