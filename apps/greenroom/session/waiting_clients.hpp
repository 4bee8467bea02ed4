// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

namespace greenroom {

// The connections that wait for something that another one has to do: for a lock to be free, or for
// an event. INFO counts them, as Redis does those that are blocked. A connection may wait for
// several at once, because it sends the commands of a pipeline one behind the other; so it is
// counted by its number, and not its waits.
class WaitingClients {
 public:
  // A client waits for one thing from its making to its end, whatever ends it.
  class Wait {
   public:
    Wait() = default;
    Wait(WaitingClients& clients, std::uint64_t client) : clients_{&clients}, client_{client} {
      clients.begin(client);
    }
    Wait(Wait&& other) noexcept
        : clients_{std::exchange(other.clients_, nullptr)}, client_{other.client_} {}
    Wait& operator=(Wait&& other) noexcept {
      std::swap(clients_, other.clients_);
      std::swap(client_, other.client_);
      return *this;
    }
    ~Wait() { end(); }

    // Before the client is answered: who reads that answer may ask who waits.
    void end() {
      if (clients_ != nullptr) std::exchange(clients_, nullptr)->end(client_);
    }

   private:
    WaitingClients* clients_ = nullptr;
    std::uint64_t client_ = 0;
  };

  std::size_t count() const {
    const std::lock_guard guard{lock_};
    return waits_.size();
  }
  bool contains(std::uint64_t client) const {
    const std::lock_guard guard{lock_};
    return waits_.contains(client);
  }

 private:
  void begin(std::uint64_t client) {
    const std::lock_guard guard{lock_};
    ++waits_[client];
  }
  void end(std::uint64_t client) {
    const std::lock_guard guard{lock_};
    const auto found = waits_.find(client);
    if (--found->second == 0) waits_.erase(found);
  }

  mutable std::mutex lock_;  // taken only by who is going to wait, or has waited
  std::map<std::uint64_t, std::size_t> waits_;
};

}  // namespace greenroom
