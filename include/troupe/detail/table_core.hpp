// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <troupe/process.hpp>

namespace troupe {

// Who may do what with a table. Everything else throws ErrorException{badarg}, as in OTP.
enum class TableProtection : std::uint8_t {
  protected_access,  // the owner writes, everybody reads
  public_access,     // everybody reads and writes, threads outside too
  private_access,    // the owner reads and writes
};

struct TableOptions {
  Name name = atoms::undefined;  // found by Table::whereis
  TableProtection protection = TableProtection::protected_access;
  Pid heir = {};        // owns the table when its owner has ended; null: then the table ends
  Term heir_data = {};  // in TableTransfer::data then
};

// A table is the receiver's now: its owner has ended, or has given it away. OTP: 'ETS-TRANSFER'.
struct TableTransfer {
  Atom name;
  Pid from;
  Term data;
};

namespace detail {

struct GuardedTable;

// What a table is beside its entries: whose, for how long, and for whom. Its guardian is a process
// that monitors the owner and, when it ends, hands the table to the heir or ends it.
class TableCore {
 public:
  TableCore(Process& self, TableOptions options, const void* type);
  TableCore(const TableCore&) = delete;
  virtual ~TableCore();

  // Starts the guardian and makes the name known. Throws ErrorException{badarg} if it is taken.
  static void launch(const std::shared_ptr<TableCore>& table);
  // Null if there is no table of that name and type on the caller's node.
  static std::shared_ptr<TableCore> find(Name name, const void* type);

  // Throw ErrorException{badarg} if the running process may not, or the table has ended.
  void check_read() const { check(TableProtection::private_access); }
  void check_write() const { check(TableProtection::protected_access); }

  Pid owner() const noexcept;
  Atom name() const noexcept { return options_.name.atom; }
  TableProtection protection() const noexcept { return options_.protection; }
  // Of what kind and size, whose and for whom; `owner => undefined` once it has ended.
  Term describe(std::string_view kind, std::size_t size) const;
  bool has_ended() const noexcept { return owner_.load(std::memory_order_acquire) == nobody; }

  // The caller must be the owner.
  void give_away(Process& self, Pid to, Term data);
  void destroy(Process& self);

 private:
  friend struct GuardedTable;

  static constexpr std::uint64_t nobody = 0;  // no pid: generations begin at 1

  virtual void drop_entries() noexcept = 0;

  // Throws unless the running process is the owner, or everybody may: with a protection that is
  // weaker than this one.
  void check(TableProtection refuses) const;
  void check_owner(Process& self) const;
  void set_owner(Pid pid) noexcept;
  void end() noexcept;
  static Async<> guard(Process& self, GuardedTable guarded);

  TableOptions options_;
  const void* type_;
  std::uint32_t node_;
  // Index and generation of the owner's pid, `nobody` once the table has ended. Release and
  // acquire: a new owner sees what the old one wrote.
  std::atomic<std::uint64_t> owner_{nobody};
  Pid guardian_;  // written once, before the table is handed out
};

}  // namespace detail

}  // namespace troupe
