// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>

#include "config/config.hpp"
#include "operation/audit_log.hpp"
#include "security/admin_logins.hpp"
#include "security/login_backoff.hpp"
#include "server/server.hpp"

namespace greenroom {

// What the operator's side of a server has in common: made beside the Server, before the first
// process, and gone after the last.
struct Operation {
  Operation(Server& of, Config from) : server{of}, audit{of.id_hash}, config_{std::move(from)} {}

  Server& server;
  AuditLog audit;
  LoginBackoff backoff;
  AdminLogins logins;
  std::atomic<bool> is_loaded{false};  // the stored sessions are back
  std::atomic<std::uint16_t> http_port{0};

  Config config() const {
    const std::lock_guard guard{lock_};
    return config_;
  }
  void set_config(Config config) {
    const std::lock_guard guard{lock_};
    config_ = std::move(config);
  }
  // Null: there is none.
  troupe::Pid http_server() const {
    const std::lock_guard guard{lock_};
    return http_server_;
  }
  void set_http_server(troupe::Pid started) {
    const std::lock_guard guard{lock_};
    http_server_ = started;
  }

 private:
  mutable std::mutex lock_;
  Config config_;
  troupe::Pid http_server_;
};

struct OperationPtr {
  Operation* operation = nullptr;
  Operation* operator->() const noexcept { return operation; }
  Operation& operator*() const noexcept { return *operation; }
};

}  // namespace greenroom

template <>
inline constexpr bool troupe::enable_message<greenroom::OperationPtr> = true;
