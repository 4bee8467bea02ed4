// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A to-do list: a value, no process. Entries have ids of their own, which are never used again.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace todo {

struct Entry {
  std::string date;  // 2024-01-22
  std::string title;
  bool done = false;
  int id = 0;  // given by the list
  friend bool operator==(const Entry&, const Entry&) = default;
};

struct List {
  int next_id = 1;
  std::map<int, Entry> entries;

  int add(Entry entry) {
    entry.id = next_id;
    entries[next_id] = std::move(entry);
    return next_id++;
  }
  // False: there is no such entry.
  bool update(Entry entry) {
    const auto at = entries.find(entry.id);
    if (at == entries.end()) return false;
    at->second = std::move(entry);
    return true;
  }
  bool remove(int id) { return entries.erase(id) == 1; }
  std::vector<Entry> of_date(const std::string& date) const {
    std::vector<Entry> found;
    for (const auto& [id, entry] : entries) {
      if (entry.date == date) found.push_back(entry);
    }
    return found;
  }
};

}  // namespace todo
