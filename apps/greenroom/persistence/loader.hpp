// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include <troupe/storage.hpp>
#include <troupe/troupe.hpp>

#include "persistence/shard_writer.hpp"

namespace greenroom {

// Some of what a store holds, in the order of the keys.
struct StoredPage {
  std::vector<troupe::storage::Entry> entries;
  bool is_last = false;
};

// The entries after `after` (empty: from the beginning), read on the blocking pool. The error is a
// sentence for the operator.
troupe::Async<std::expected<StoredPage, std::string>> load_page(troupe::Process& self,
                                                                StoreHandle store,
                                                                std::string after);

}  // namespace greenroom
