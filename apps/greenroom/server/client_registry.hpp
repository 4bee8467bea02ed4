// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include <troupe/pid.hpp>

#include "resp/client_facts.hpp"

namespace greenroom {

// Who is connected: what CLIENT LIST shows and CLIENT KILL ends. Connections write their own entry
// once per batch of requests, so that nobody has to be asked while it waits for its socket.
class ClientRegistry {
 public:
  std::uint64_t next_id() { return last_id_.fetch_add(1, std::memory_order_relaxed) + 1; }
  // `facts.id` is one that next_id() has given: nobody is listed without what is known of it.
  void add(troupe::Pid connection, const ClientFacts& facts) {
    const std::lock_guard guard{lock_};
    clients_.emplace(facts.id, Client{connection, facts});
  }
  void remove(std::uint64_t id) {
    const std::lock_guard guard{lock_};
    clients_.erase(id);
  }
  void update(const ClientFacts& facts) {
    const std::lock_guard guard{lock_};
    const auto found = clients_.find(facts.id);
    if (found != clients_.end()) found->second.facts = facts;
  }

  std::vector<ClientFacts> all() const {
    const std::lock_guard guard{lock_};
    std::vector<ClientFacts> facts;
    facts.reserve(clients_.size());
    for (const auto& [id, client] : clients_) facts.push_back(client.facts);
    return facts;
  }
  // The null pid if it is gone.
  troupe::Pid find(std::uint64_t id) const {
    const std::lock_guard guard{lock_};
    const auto found = clients_.find(id);
    return found == clients_.end() ? troupe::Pid{} : found->second.connection;
  }

 private:
  struct Client {
    troupe::Pid connection;
    ClientFacts facts;
  };
  mutable std::mutex lock_;
  std::map<std::uint64_t, Client> clients_;
  std::atomic<std::uint64_t> last_id_{0};
};

}  // namespace greenroom
