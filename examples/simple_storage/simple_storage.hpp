// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Values on disk in Erlang's external term format: what is stored here, :erlang.binary_to_term
// reads in Elixir. The course uses keys as file names, so that a key like "../x" writes anywhere,
// makes an atom of every file it lists, and loses the old value if it is stopped while it writes;
// the file store escapes keys, keeps them as text, and replaces a file only by a whole one.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <troupe/etf.hpp>
#include <troupe/storage.hpp>
#include <troupe/struct_term.hpp>

namespace simple_storage {

using troupe::storage::Result;

class SimpleStorage {
 public:
  static Result<SimpleStorage> open(const std::string& directory) {
    auto store = troupe::storage::open_files(directory);
    if (!store) return std::unexpected{store.error()};
    return SimpleStorage{std::move(*store)};
  }

  template <class T>
  Result<void> put(std::string_view key, const T& value) {
    return store_->put(key, troupe::term_to_binary(troupe::to_term(value)));
  }
  // Nothing: there is no such key. A file that holds no T is `corrupt`.
  template <class T>
  Result<std::optional<T>> get(std::string_view key) {
    auto bytes = store_->get(key);
    if (!bytes) return std::unexpected{bytes.error()};
    if (!*bytes) return std::nullopt;
    if (const auto term = troupe::binary_to_term(std::string_view{**bytes})) {
      if (auto value = troupe::from_term<T>(*term)) return std::move(*value);
    }
    return std::unexpected{troupe::storage::StorageError{
        troupe::storage::ErrorKind::corrupt, "the value of `" + std::string{key} + "` is no such"}};
  }
  Result<void> remove(std::string_view key) { return store_->remove(key); }
  Result<std::vector<std::string>> list_keys() { return store_->list(); }

 private:
  explicit SimpleStorage(std::unique_ptr<troupe::storage::Store> store)
      : store_{std::move(store)} {}
  std::unique_ptr<troupe::storage::Store> store_;
};

// What the drill stores.
struct Todo {
  int id;
  std::string title;
  bool done;
  friend bool operator==(const Todo&, const Todo&) = default;
};
struct Metadata {
  std::chrono::sys_time<std::chrono::microseconds> created_at;
  friend bool operator==(const Metadata&, const Metadata&) = default;
};
struct UserData {
  std::string user;
  std::vector<Todo> todos;
  Metadata metadata = {};
};

}  // namespace simple_storage
