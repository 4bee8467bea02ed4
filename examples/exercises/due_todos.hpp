// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// A solution of the exercise of tutorial chapter 12.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "simple_storage/simple_storage.hpp"

namespace exercises {

// As in simple_storage, with one more field. It is optional, and a missing key of an optional field
// is read as nothing: what was stored before is still a Todo.
struct Todo {
  int id;
  std::string title;
  bool done;
  std::optional<std::string> due = {};  // 2024-01-22
};
struct UserData {
  std::string user;
  std::vector<Todo> todos;
};

// The titles of everybody's to-dos that are due on that day and not done.
inline simple_storage::Result<std::vector<std::string>> due_on(
    simple_storage::SimpleStorage& storage, const std::string& day) {
  std::vector<std::string> titles;
  const auto keys = storage.list_keys();
  if (!keys) return std::unexpected{keys.error()};
  for (const std::string& key : *keys) {
    const auto data = storage.get<UserData>(key);
    if (!data) return std::unexpected{data.error()};
    if (!*data) continue;  // removed meanwhile
    for (const Todo& todo : (*data)->todos) {
      if (todo.due == day && !todo.done) titles.push_back(todo.title);
    }
  }
  return titles;
}

}  // namespace exercises
