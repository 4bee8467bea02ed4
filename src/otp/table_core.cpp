// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/detail/send_or_drop.hpp>
#include <troupe/detail/table_core.hpp>
#include <troupe/spawn.hpp>

#include "otp/node_directory.hpp"

namespace troupe {
namespace detail {
namespace {

// To the guardian, from the owner.
struct OwnerChanged {};
struct TableDestroyed {};

}  // namespace

// However its holder ends, the guardian with its whole runtime before its first step too, the table
// ends with it.
struct GuardedTable {
  explicit GuardedTable(std::shared_ptr<TableCore> guarded) noexcept : table{std::move(guarded)} {}
  GuardedTable(GuardedTable&&) noexcept = default;
  ~GuardedTable() {
    if (table) table->end();
  }
  std::shared_ptr<TableCore> table;
};

}  // namespace detail

template <>
inline constexpr bool enable_message<detail::GuardedTable> = true;

namespace detail {
namespace {

NodeDirectory<TableCore>& named_tables() {
  // Never destroyed: tables of other threads' nodes may outlive main.
  static auto& directory = *new NodeDirectory<TableCore>;
  return directory;
}

[[noreturn]] void refuse(const char* why, Atom table) {
  throw ErrorException{tuple({atoms::badarg, tuple({Term{Atom{why}}, Term{table}})})};
}

}  // namespace

TableCore::TableCore(Process& self, TableOptions options, const void* type)
    : options_{std::move(options)}, type_{type}, node_{self.pid().node()} {
  set_owner(self.pid());
}
TableCore::~TableCore() = default;

void TableCore::launch(const std::shared_ptr<TableCore>& table) {
  const Atom name = table->name();
  if (name != atoms::undefined && !named_tables().add(table->node_, name, table)) {
    refuse("table_name_is_taken", name);
  }
  table->guardian_ = spawn(&TableCore::guard, GuardedTable{table});
}

std::shared_ptr<TableCore> TableCore::find(Name name, const void* type) {
  std::shared_ptr<TableCore> table = named_tables().find(name.atom);
  return table && table->type_ == type ? table : nullptr;
}

Pid TableCore::owner() const noexcept {
  const std::uint64_t word = owner_.load(std::memory_order_acquire);
  if (word == nobody) return Pid{};
  return Pid{node_, static_cast<std::uint32_t>(word >> 32), static_cast<std::uint32_t>(word)};
}

Term TableCore::describe(std::string_view kind, std::size_t size) const {
  constexpr std::string_view protections[] = {"protected", "public", "private"};
  const auto pid_or_undefined = [](Pid pid) { return pid ? Term{pid} : Term{atoms::undefined}; };
  const auto key = [](std::string_view name) { return Term{Atom{name}}; };
  return map({{key("name"), name()},
              {key("kind"), Term{Atom{kind}}},
              {key("size"), size},
              {key("owner"), pid_or_undefined(owner())},
              {key("heir"), pid_or_undefined(options_.heir)},
              {key("protection"),
               Term{Atom{protections[static_cast<std::size_t>(options_.protection)]}}}});
}

void TableCore::set_owner(Pid pid) noexcept {
  owner_.store(std::uint64_t{pid.index()} << 32 | pid.generation(), std::memory_order_release);
}

void TableCore::check(TableProtection refuses) const {
  const Pid owned_by = owner();
  if (!owned_by) refuse("table_has_ended", name());
  const bool is_open = options_.protection == TableProtection::public_access ||
                       (options_.protection == TableProtection::protected_access &&
                        refuses == TableProtection::private_access);
  if (is_open) return;
  const Process* running = current_process();
  if (!running || running->pid() != owned_by) refuse("table_is_protected", name());
}

void TableCore::check_owner(Process& self) const {
  if (has_ended()) refuse("table_has_ended", name());
  if (owner() != self.pid()) refuse("not_the_owner", name());
}

void TableCore::give_away(Process& self, Pid to, Term data) {
  check_owner(self);
  // First, because the new owner may use it as soon as it is told.
  set_owner(to);
  try {
    send(to, TableTransfer{name(), self.pid(), std::move(data)});
  } catch (...) {
    set_owner(self.pid());
    throw;
  }
  send(guardian_, OwnerChanged{});
}

void TableCore::destroy(Process& self) {
  check_owner(self);
  end();
  send(guardian_, TableDestroyed{});
}

// Entries first become unreachable, by the owner's word, and then go.
void TableCore::end() noexcept {
  owner_.store(nobody, std::memory_order_release);
  if (name() != atoms::undefined) named_tables().remove(node_, name(), this);
  drop_entries();
}

Async<> TableCore::guard(Process& self, GuardedTable guarded) {
  const std::shared_ptr<TableCore>& table = guarded.table;
  self.set_label("guardian of table " + std::string{table->name().text()});
  for (;;) {
    const Pid owner = table->owner();
    if (!owner) co_return;
    const Ref ref = self.monitor(owner);
    const bool has_died = co_await self.receive(
        when([ref](const Down& down) { return down.ref == ref; }, [](Down) { return true; }),
        [](OwnerChanged) { return false; }, [](TableDestroyed) { return false; });
    if (!has_died) {
      self.demonitor(ref, Flush::yes);
      continue;
    }
    // It may have given the table away with its last breath.
    if (table->owner() != owner) continue;
    const Pid heir = table->options_.heir;
    if (heir && heir != owner && co_await is_alive(self, heir)) {
      table->set_owner(heir);
      // The heir's mailbox limit must not end the table.
      send_or_drop(heir, TableTransfer{table->name(), owner, table->options_.heir_data});
    } else {
      co_return;
    }
  }
}

}  // namespace detail
}  // namespace troupe
