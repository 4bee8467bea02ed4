// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <troupe/pid.hpp>

namespace troupe {

// Which process serves which key: a table that any thread and any process reads and writes at once,
// without asking a process. What Registry is made of; use it directly where a process keeps its own
// entry (puts it in when it starts, takes it out before it ends).
//
// A process that is killed leaves its entry behind: whoever finds a dead pid under a key may
// replace it. Keys are bytes of any kind.
class KeyTable {
 public:
  // What most keys are like. Those of up to 16 bytes have room in the table itself, where they are
  // found a third faster; for longer ones that would be about 50 bytes an entry for nothing. Either
  // table takes keys of any length.
  enum class KeyLength : std::uint8_t { up_to_16_bytes, longer };

  explicit KeyTable(KeyLength length = KeyLength::up_to_16_bytes);
  ~KeyTable();
  KeyTable(const KeyTable&) = delete;
  KeyTable& operator=(const KeyTable&) = delete;

  // The null pid if there is no entry.
  Pid find(std::string_view key) const;
  // This key is asked for or inserted soon: has the processor fetch meanwhile what that looks at.
  // Of a large table that is most of what either takes; in a loop, some keys ahead.
  void expect(std::string_view key) const;
  // False: the key has an entry already.
  bool insert(std::string_view key, Pid pid);
  // Replaces the entry if it is `before`'s; the null pid stands for no entry.
  bool replace(std::string_view key, Pid before, Pid pid);
  // The key's bytes as the table keeps them, if the entry is `pid`'s, else a null view. They stay
  // until that entry is removed or replaced: a process that sees to its own entry need not keep its
  // key a second time.
  std::string_view kept_key(std::string_view key, Pid pid) const;
  // Removes the entry if it is `pid`'s.
  bool erase(std::string_view key, Pid pid);

  // How many entries there are; a moment's picture.
  std::size_t size() const;

  // Visits about `count` entries from `cursor` on (0: from the beginning) and returns the cursor to
  // go on with, 0 at the end. An entry that is there during a whole scan is visited at least once,
  // however the table changes meanwhile; one that comes or goes may or may not be.
  using Visit = void (*)(void* context, std::string_view key, Pid pid);
  std::uint64_t scan(std::uint64_t cursor, std::size_t count, Visit visit, void* context) const;

  template <class F>
  std::uint64_t scan(std::uint64_t cursor, std::size_t count, F&& visit) const {
    return scan(
        cursor, count,
        [](void* context, std::string_view key, Pid pid) {
          (*static_cast<std::remove_reference_t<F>*>(context))(key, pid);
        },
        &visit);
  }

 private:
  struct Shards;
  std::unique_ptr<Shards> shards_;
};

}  // namespace troupe
