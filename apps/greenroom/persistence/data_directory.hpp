// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/storage.hpp>

namespace greenroom {

// How a data directory is opened, whoever does it.
inline troupe::storage::ShardedOptions data_directory_options() {
  troupe::storage::ShardedOptions options;
  options.engine = troupe::storage::Engine::log;
  // What is asked for is in the sessions' processes: once is enough.
  options.log.residence = troupe::storage::Residence::on_disk;
  // A value may be 64 MiB, and not each of them shall make a snapshot due, which the writes that
  // follow wait for. In return a start may have this much more to read.
  options.log.snapshot_bytes = 256u << 20;
  options.sqlite.cache_bytes = 4u << 20;
  return options;
}

}  // namespace greenroom
