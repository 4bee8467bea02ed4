// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <troupe/supervisor.hpp>
#include <troupe/via.hpp>

namespace troupe {

// A key of a registry: any term. A text is a binary, as in Elixir: keys often come from outside,
// and atoms are never freed.
struct RegistryKey {
  RegistryKey(const char* text) : term{Term::binary(std::string_view{text})} {}
  RegistryKey(std::string_view text) : term{Term::binary(text)} {}
  RegistryKey(const std::string& text) : term{Term::binary(std::string_view{text})} {}
  template <class T>
    requires std::is_convertible_v<T, Term>
  RegistryKey(T value) : term(std::move(value)) {}
  Term term;
};

enum class RegistryKeys : std::uint8_t {
  unique,     // one process per key
  duplicate,  // as many as like to, and each several times
};

struct RegistryOptions {
  Name name;
  RegistryKeys keys = RegistryKeys::unique;
  // Processes of the registry that those who register are linked to. One does for most; more share
  // the work where very many come and go.
  unsigned partitions = 1;
  // Named processes that are told of every registration and removal (not of deaths): they get
  // RegistryAdded and RegistryRemoved.
  std::vector<Name> listeners = {};
};

struct RegistryAdded {
  Atom registry;
  Term key;
  Pid pid;
  Term value;
};
struct RegistryRemoved {
  Atom registry;
  Term key;
  Pid pid;
};

struct RegistryEntry {
  Pid pid;
  Term value;
};

struct AlreadyRegistered {
  Pid holder;
};

// Which processes stand under which key, with a value each; found without asking any process, by
// lookups that wait for nobody. Elixir's Registry.
//
//     co_await Registry::start_link(self, {.name = "rooms"});
//     co_await Registry::register_key(self, "rooms", "lobby", 10);
//     for (const auto& [pid, value] : Registry::lookup("rooms", "lobby")) { ... }
//
// A process registers itself, and is linked to the registry by that: the end of the process removes
// its entries, before its DOWNs are sent, and the crash of the registry ends its processes. Keys
// compare strictly: 1 is not 1.0.
//
// Every function is given the registry's name and throws ErrorException{badarg} where there is
// none. They run in a process; the registry is its node's.
class Registry {
 public:
  // A registry of that name, linked to the caller. Throws StartException.
  static Async<ServerRef<Supervisor>> start_link(Process& self, RegistryOptions options);
  // As a child of a supervisor.
  static ChildSpec spec(RegistryOptions options);

  // Puts the calling process under the key. Unique registries refuse a key that another process, or
  // the caller, has already, unless its holder is dead. Gives the process of the registry that the
  // caller is linked to now.
  static Async<std::expected<Pid, AlreadyRegistered>> register_key(Process& self, Name registry,
                                                                   RegistryKey key,
                                                                   Term value = {});
  // Removes all entries of the calling process under the key, if any.
  static void unregister(Process& self, Name registry, RegistryKey key);
  // Those whose value `fits`.
  template <class Predicate>
  static void unregister_match(Process& self, Name registry, RegistryKey key, Predicate fits) {
    remove(self, registry, key.term, call_value<Predicate>, &fits);
  }

  // All entries of a key, in no particular order.
  static std::vector<RegistryEntry> lookup(Name registry, RegistryKey key);
  // Who has a key of a unique registry; the null pid if nobody.
  static Pid whereis(Name registry, RegistryKey key);
  // A text is looked up where it is, without a term made of it.
  template <class Text>
    requires std::is_convertible_v<const Text&, std::string_view>
  static Pid whereis(Name registry, const Text& key) {
    return whereis_text(registry, key);
  }
  template <class RegistryText, class Text>
    requires std::is_convertible_v<const RegistryText&, std::string_view> &&
             std::is_convertible_v<const Text&, std::string_view>
  static Pid whereis(const RegistryText& registry, const Text& key) {
    return whereis_text(std::string_view{registry}, std::string_view{key});
  }
  // The same as a reference to a server of type S, to be used at once: calls fail with noproc,
  // casts go nowhere if nobody has the key, or no S.
  template <class S>
  static ServerRef<S> find(Name registry, RegistryKey key) {
    const Pid pid = whereis(registry, std::move(key));
    return ServerRef<S>{detail::behaviour_of(pid) == detail::behaviour_for<S>() ? pid : Pid{}};
  }
  // The keys of a process, each as often as it is registered under it.
  static std::vector<Term> keys(Name registry, Pid pid);
  // Changes the value of the caller's entry in a unique registry by `change(Term)`: {new, old};
  // nothing if it has no such entry.
  template <class F>
  static std::optional<std::pair<Term, Term>> update_value(Process& self, Name registry,
                                                           RegistryKey key, F change) {
    return change_value(
        self, registry, key.term,
        [](void* context, const Term& old) -> Term { return (*static_cast<F*>(context))(old); },
        &change);
  }

  // Calls f(entries) in the caller, unless there are none.
  template <class F>
  static void dispatch(Name registry, RegistryKey key, F f) {
    const std::vector<RegistryEntry> entries = lookup(registry, std::move(key));
    if (!entries.empty()) f(entries);
  }

  // How many entries there are, of all keys; a moment's picture.
  static std::size_t count(Name registry);
  // The entries of a key whose value `fits`.
  template <class Predicate>
  static std::vector<RegistryEntry> match(Name registry, RegistryKey key, Predicate fits) {
    std::vector<RegistryEntry> all = lookup(registry, std::move(key));
    std::erase_if(all, [&](const RegistryEntry& entry) { return !fits(entry.value); });
    return all;
  }
  template <class Predicate>
  static std::size_t count_match(Name registry, RegistryKey key, Predicate fits) {
    return match(registry, std::move(key), std::move(fits)).size();
  }
  // Visits every entry: visit(key, pid, value). One that comes or goes meanwhile may be missed.
  template <class F>
  static void for_each(Name registry, F visit) {
    walk(
        registry,
        [](void* context, const Term& key, Pid pid, const Term& value) {
          (*static_cast<F*>(context))(key, pid, value);
        },
        &visit);
  }

  // A name for StartOptions::via and ChildSpec::via: the server registers under the key as it
  // starts.
  static Via via(Name registry, RegistryKey key, Term value = {});

 private:
  using ValueTest = bool (*)(void* context, const Term& value);
  using ValueChange = Term (*)(void* context, const Term& old);
  using Visit = void (*)(void* context, const Term& key, Pid pid, const Term& value);

  template <class Predicate>
  static bool call_value(void* context, const Term& value) {
    return (*static_cast<Predicate*>(context))(value);
  }
  static Pid whereis_text(Name registry, std::string_view key);
  static Pid whereis_text(std::string_view registry, std::string_view key);
  static void remove(Process& self, Name registry, const Term& key, ValueTest fits, void* context);
  static std::optional<std::pair<Term, Term>> change_value(Process& self, Name registry,
                                                           const Term& key, ValueChange change,
                                                           void* context);
  static void walk(Name registry, Visit visit, void* context);
};

}  // namespace troupe
