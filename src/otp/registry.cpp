// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/detail/caller_place.hpp>
#include <troupe/detail/end_duty.hpp>
#include <troupe/detail/send_or_drop.hpp>
#include <troupe/registry.hpp>

#include "base/text_words.hpp"
#include "otp/node_directory.hpp"
#include "otp/registry_table.hpp"
#include "otp/supervisor_server.hpp"

namespace troupe {

template <>
inline constexpr bool enable_message<std::shared_ptr<detail::RegistryTable>> = true;

namespace detail {
namespace {

using Table = std::shared_ptr<RegistryTable>;

// The registries of all nodes of this program.
[[gnu::always_inline]] inline NodeDirectory<RegistryTable>& registry_directory() {
  // Never destroyed: registries of other threads' nodes may outlive main.
  static auto& directory = *new NodeDirectory<RegistryTable>;
  return directory;
}

[[noreturn]] void throw_unknown(Name registry) {
  throw ErrorException{
      tuple({atoms::badarg, tuple({Term{Atom{"unknown_registry"}}, Term{registry.atom}})})};
}

// The atom of a text, for look-ups: the same few registries are meant again and again, by short
// literals, and to find the atom was a third of such a look-up.
struct LastName {
  TextWords words;
  std::size_t size = SIZE_MAX;  // none yet
  Atom atom;
};
constinit thread_local LastName last_name{};

[[gnu::noinline]] Name name_anew(std::string_view text) {
  const Atom atom{text};
  if (text.size() <= TextWords::whole_size)
    last_name = LastName{TextWords{text}, text.size(), atom};
  return Name{atom};
}

[[gnu::always_inline]] inline Name name_of(std::string_view text) {
  const bool is_last = text.size() == last_name.size && TextWords{text} == last_name.words;
  return is_last ? Name{last_name.atom} : name_anew(text);
}

Table table_of(Name registry) {
  Table table = registry_directory().find(registry.atom);
  if (!table) throw_unknown(registry);
  return table;
}

// For look-ups, which come from everywhere at once: look(const RegistryTable&, node, guard) must
// not wait.
template <class Look>
[[gnu::always_inline]] inline auto look_up(Name registry, Look look) {
  return registry_directory().visit(
      registry.atom, [&](const RegistryTable* table, std::uint32_t node, const EpochGuard& guard) {
        if (!table) throw_unknown(registry);
        return look(*table, node, guard);
      });
}

[[gnu::always_inline]] inline Pid find_text(Name registry, std::string_view key) {
  return look_up(registry, [&](const RegistryTable& table, std::uint32_t node,
                               const EpochGuard& guard) { return table.holder(node, key, guard); });
}

// Makes the table known under the registry's name while the registry runs.
class RegistryKeeper : public GenServer<RegistryKeeper> {
 public:
  RegistryKeeper(Process& self, Table table) : node_{self.pid().node()}, table_{std::move(table)} {
    registry_directory().put(node_, table_->name(), table_);
  }
  RegistryKeeper(const RegistryKeeper&) = delete;
  ~RegistryKeeper() { registry_directory().remove(node_, table_->name(), table_.get()); }
  Term introspect() const {
    const bool is_unique = table_->kind() == RegistryKeys::unique;
    return map({{Term{Atom{"registry"}}, table_->name()},
                {Term{Atom{"keys"}}, Term{Atom{is_unique ? "unique" : "duplicate"}}},
                {Term{Atom{"entries"}}, table_->size()},
                {Term{Atom{"partitions"}}, table_->partitions()},
                {Term{Atom{"listeners"}}, table_->listeners().size()}});
  }

 private:
  std::uint32_t node_;
  Table table_;
};

// Is linked to the registered processes of its partition, which end with it if it crashes. The end
// of one takes its entries out by itself (RegistryTable::ended).
class RegistryCleaner : public GenServer<RegistryCleaner> {
 public:
  RegistryCleaner(Process& self, Table table, unsigned partition)
      : table_{std::move(table)}, partition_{partition} {
    self.trap_exits();
    // After a crash: the processes that were linked are gone, or do not count as registered any
    // more.
    table_->remove_partition(partition);
    table_->set_cleaner(partition, self.pid());
  }
  void handle_info(Exit) {}
  Term introspect() const {
    return map({{Term{Atom{"registry"}}, table_->name()}, {Term{Atom{"partition"}}, partition_}});
  }

 private:
  Table table_;
  unsigned partition_;
};

// A listener that takes no more must not fail the registration that it is told of.
void tell_added(const RegistryTable& table, const Term& key, Pid pid, const Term& value) {
  for (const Name& listener : table.listeners()) {
    if (const Pid to = whereis(listener)) {
      send_or_drop(to, RegistryAdded{table.name(), key, pid, value});
    }
  }
}
void tell_removed(const RegistryTable& table, const Term& key, Pid pid) {
  for (const Name& listener : table.listeners()) {
    if (const Pid to = whereis(listener)) {
      send_or_drop(to, RegistryRemoved{table.name(), key, pid});
    }
  }
}

struct Added {
  Pid holder;  // null, or the living process that has the key
  Pid cleaner;
};

// Of a process that is under no key of it any more.
void leave(Process& self, const RegistryTable& table, Pid cleaner) {
  remove_end_duty(self, table);
  if (cleaner) self.unlink(cleaner);
}

Async<Added> add(Process& self, Table table, Term key, Term value) {
  const CallerPlace place{self};
  const Pid cleaner = table->cleaner_of(self.pid());
  if (!cleaner) throw ErrorException{tuple({atoms::badarg, Term{Atom{"registry_is_down"}}})};
  const bool was_registered = table->has_keys(self.pid());
  add_end_duty(self, table);
  self.link(cleaner);
  // A holder that does not live has no entry any more, so this is not the same one again.
  while (const Pid holder = table->add(key, self.pid(), value)) {
    if (holder == self.pid() || co_await place(is_alive(self, holder))) {
      if (!was_registered) leave(self, *table, cleaner);
      co_return Added{holder, cleaner};
    }
  }
  tell_added(*table, key, self.pid(), value);
  co_return Added{Pid{}, cleaner};
}

void remove_own(Process& self, const Table& table, const Term& key, RegistryTable::ValueTest fits,
                void* context) {
  std::size_t removed = 0;
  if (table->remove(key, self.pid(), fits, context, removed)) {
    leave(self, *table, table->cleaner_of(self.pid()));
  }
  if (removed > 0) tell_removed(*table, key, self.pid());
}

class RegistryVia final : public ViaName {
 public:
  RegistryVia(Name registry, Term key, Term value)
      : registry_{registry}, key_{std::move(key)}, value_{std::move(value)} {}
  Async<Pid> claim(Process& self) const override {
    const CallerPlace place{self};
    co_return (co_await place(add(self, table_of(registry_), key_, value_))).holder;
  }
  void release(Process& self) const override {
    remove_own(self, table_of(registry_), key_, nullptr, nullptr);
  }
  Pid holder() const override {
    return look_up(registry_, [&](const RegistryTable& table, std::uint32_t node,
                                  const EpochGuard&) { return table.holder(node, key_); });
  }

 private:
  Name registry_;
  Term key_;
  Term value_;
};

Children registry_children(const Table& table) {
  Children all = children(child<RegistryKeeper>(table).id("keeper"));
  for (unsigned i = 0; i < table->partitions(); ++i) {
    all.push_back(child<RegistryCleaner>(table, i).id(i));
  }
  return all;
}

class RegistryStart final : public ChildStart {
 public:
  explicit RegistryStart(RegistryOptions options) : options_{std::move(options)} {}
  Async<StartOutcome> start(Process& self, StartName name) const override {
    if (name.name != atoms::undefined && name.name != options_.name.atom) {
      return refused_start("bad_name", "the name of a registry is in its options");
    }
    return start_supervisor(self, registry_children(std::make_shared<RegistryTable>(options_)),
                            {.max_restarts = 3, .name = options_.name});
  }

 private:
  RegistryOptions options_;
};

}  // namespace
}  // namespace detail

Async<ServerRef<Supervisor>> Registry::start_link(Process& self, RegistryOptions options) {
  const detail::CallerPlace place{self};
  const Name name = options.name;
  co_return co_await place(Supervisor::start_link(
      self, detail::registry_children(std::make_shared<detail::RegistryTable>(std::move(options))),
      {.max_restarts = 3, .name = name}));
}

ChildSpec Registry::spec(RegistryOptions options) {
  const Atom name = options.name.atom;
  return ChildSpec{name, ChildType::supervisor,
                   detail::share<detail::RegistryStart>(std::move(options))};
}

Async<std::expected<Pid, AlreadyRegistered>> Registry::register_key(Process& self, Name registry,
                                                                    RegistryKey key, Term value) {
  const detail::CallerPlace place{self};
  const detail::Added added = co_await place(
      detail::add(self, detail::table_of(registry), std::move(key.term), std::move(value)));
  if (added.holder) co_return std::unexpected(AlreadyRegistered{added.holder});
  co_return added.cleaner;
}

void Registry::unregister(Process& self, Name registry, RegistryKey key) {
  remove(self, registry, key.term, nullptr, nullptr);
}

void Registry::remove(Process& self, Name registry, const Term& key, ValueTest fits,
                      void* context) {
  detail::remove_own(self, detail::table_of(registry), key, fits, context);
}

std::vector<RegistryEntry> Registry::lookup(Name registry, RegistryKey key) {
  return detail::look_up(registry, [&](const detail::RegistryTable& table, std::uint32_t,
                                       const EpochGuard&) { return table.find(key.term); });
}

Pid Registry::whereis(Name registry, RegistryKey key) {
  return detail::look_up(registry, [&](const detail::RegistryTable& table, std::uint32_t node,
                                       const EpochGuard&) { return table.holder(node, key.term); });
}

Pid Registry::whereis_text(Name registry, std::string_view key) {
  return detail::find_text(registry, key);
}

Pid Registry::whereis_text(std::string_view registry, std::string_view key) {
  return detail::find_text(detail::name_of(registry), key);
}

std::vector<Term> Registry::keys(Name registry, Pid pid) {
  return detail::table_of(registry)->keys_of(pid);
}

std::optional<std::pair<Term, Term>> Registry::change_value(Process& self, Name registry,
                                                            const Term& key, ValueChange change,
                                                            void* context) {
  return detail::table_of(registry)->change(key, self.pid(), change, context);
}

std::size_t Registry::count(Name registry) { return detail::table_of(registry)->size(); }

void Registry::walk(Name registry, Visit visit, void* context) {
  detail::table_of(registry)->for_each(visit, context);
}

Via Registry::via(Name registry, RegistryKey key, Term value) {
  return make_via<detail::RegistryVia>(registry, std::move(key.term), std::move(value));
}

}  // namespace troupe
