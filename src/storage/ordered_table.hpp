// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// The table of the engines that keep everything in memory: byte order, looked up without a copy.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <troupe/storage.hpp>

namespace troupe::storage {

using OrderedTable = std::map<std::string, std::string, std::less<>>;

inline void apply(OrderedTable& table, const Change& change) {
  // What comes in byte order costs no search.
  if (!change.removal && (table.empty() || table.rbegin()->first < change.key)) {
    table.emplace_hint(table.end(), change.key, change.value);
    return;
  }
  const auto found = table.find(change.key);
  if (change.removal) {
    if (found != table.end()) table.erase(found);
  } else if (found != table.end()) {
    found->second = change.value;
  } else {
    table.emplace(change.key, change.value);
  }
}

// First entry of a scan: behind `after` if there is one, else at the prefix.
inline OrderedTable::const_iterator scan_start(const OrderedTable& table, std::string_view prefix,
                                               std::optional<std::string_view> after) {
  if (after && *after >= prefix) return table.upper_bound(*after);
  return table.lower_bound(prefix);
}

}  // namespace troupe::storage
