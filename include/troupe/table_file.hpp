// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <troupe/blocking.hpp>
#include <troupe/detail/caller_place.hpp>
#include <troupe/stored_value.hpp>
#include <troupe/table.hpp>

// Tables in files: ets:tab2file and ets:file2tab.
//
//     auto saved = co_await tab2file(self, visits, "/var/lib/app/visits.tab");
//     auto again = co_await file2tab<Table<std::string, int>>(self, "/var/lib/app/visits.tab");
//
// A file that was there is replaced at once and whole, also at a power cut. What is read is
// checked: a file that was cut or changed is `corrupt`, never half a table. Keys and values are
// mapped types (struct_term.hpp), so a table whose types have gained optional fields reads its old
// files.
namespace troupe {

namespace detail {

// Each entry {Key, Value}. Both wait for the disk, so they are for blocking threads.
storage::Result<void> write_table_file(const std::string& path, const std::vector<Term>& entries);
storage::Result<std::vector<Term>> read_table_file(const std::string& path);

}  // namespace detail

// Writes all entries that are there during the whole call, and answers how many it wrote. The
// caller must be allowed to read the table.
template <class K, class V, TableKind Kind>
Async<storage::Result<std::size_t>> tab2file(Process& self, Table<K, V, Kind> table,
                                             std::string path) {
  const detail::CallerPlace place{self};
  std::vector<Term> entries;
  table.for_each([&](const K& key, const V& value) {
    entries.push_back(tuple({to_term<K>(key), to_term<V>(value)}));
  });
  const std::size_t count = entries.size();
  auto written =
      co_await place(blocking(self, [path = std::move(path), entries = std::move(entries)] {
        return detail::write_table_file(path, entries);
      }));
  if (!written) co_return std::unexpected(std::move(written.error()));
  co_return count;
}

// Makes a table of type T, owned by the caller, from a file. There is no table if an entry is not
// of T's types (`wrong_type`). Throws ErrorException{badarg} if the name is taken.
template <class T>
Async<storage::Result<T>> file2tab(Process& self, std::string path, TableOptions options = {}) {
  const detail::CallerPlace place{self};
  auto entries = co_await place(blocking(self, [path] { return detail::read_table_file(path); }));
  if (!entries) co_return std::unexpected(std::move(entries.error()));
  using Entry = typename T::Entry;
  std::vector<Entry> decoded;
  decoded.reserve(entries->size());
  for (const Term& term : *entries) {
    auto key = from_term<decltype(Entry::key)>(term[0]);
    if (!key) co_return storage::detail::wrong_type(path, key.error());
    auto value = from_term<decltype(Entry::value)>(term[1]);
    if (!value) co_return storage::detail::wrong_type(path, value.error());
    decoded.push_back(Entry{std::move(*key), std::move(*value)});
  }
  T table = T::create(self, std::move(options));
  for (Entry& entry : decoded) table.insert(std::move(entry.key), std::move(entry.value));
  co_return table;
}

}  // namespace troupe
