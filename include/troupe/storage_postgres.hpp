// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// A storage engine in a PostgreSQL database, for several machines that share one truth: any of them
// can open a store there once the machine that had it is gone.
//
//     auto store = open_postgres({.connection = "host=db dbname=app user=app",
//                                 .space = "sessions"});
//
// A database holds any number of stores, each under the name of its space, in tables that are made
// when the first is opened. One owner at a time: who opens a space holds a lock for as long as its
// connection lives, and gets the space's next epoch. A second opening is `locked_by_other`, and
// names the holder. When the server has dropped the lock (the owner's machine went away), another
// owner gets in; every write of the old one, whenever it wakes up, is then refused, because each
// write compares the epoch, and each entry the epoch and version that wrote it, in the statement
// that changes them. The old owner's store is `poisoned` and stays so.
//
// A lost connection is made again, for as long as connect_timeout_ms, and the interrupted batch is
// sent again, which does no harm if it had been committed: until the space is locked again nobody
// else can have written. If that fails the outcome is unknown, and the store is `poisoned`. It is
// too if the server turns out to lack what was acknowledged: a relaxed store's last writes when the
// server (not just this program) crashed, or anybody's when a standby took over that was behind.
// After a lost connection a relaxed store that wrote nothing but removals last cannot tell, and is
// poisoned. A standby is refused. The lock belongs to a session of the server, so a pooler between
// must not share sessions.
//
// A library of its own (troupe::storage_postgres), so that nobody else needs libpq.

#include <cstdint>
#include <memory>
#include <string>

#include <troupe/storage.hpp>

namespace troupe::storage {

struct PostgresOptions {
  // libpq's: "host=/run/postgresql dbname=app" or a URI. Never part of an error's text, which might
  // show a password. The user may create tables, or they are there.
  std::string connection;
  std::string space = "default";  // 1 to 64 bytes
  // Who this is, for whoever is refused meanwhile. Empty: the host's name and the process number.
  std::string owner;
  // `commit` waits for the server's log to be on disk (and for synchronous standbys), `relaxed`
  // does not until flush(). A server that runs with fsync off is refused: it could promise neither.
  Durability durability = Durability::commit;
  std::uint32_t connect_timeout_ms = 5'000;
  std::uint32_t lock_timeout_ms = 1'000;  // how long opening waits for the owner to let go; not 0
  std::uint32_t statement_timeout_ms = 30'000;  // of one statement; what takes longer has failed
};

// The server must be PostgreSQL 12 or later.
Result<std::unique_ptr<Store>> open_postgres(const PostgresOptions& options);

}  // namespace troupe::storage
