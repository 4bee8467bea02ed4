// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Mail in the background: `send_email` returns at once, and the worker delivers, one after the
// other. In the course a delivery that fails crashes the worker, and what waits in its mailbox is
// lost with it; this one tries again with growing pauses, three times in all, and counts what it
// could not deliver.
#pragma once

#include <deque>

#include "smtp.hpp"

namespace email_worker {

struct EmailWorker : GenServer<EmailWorker> {
  struct SendEmail {
    Mail mail;
  };
  struct Counts {
    std::size_t delivered = 0, failed = 0, waiting = 0;
  };
  struct GetCounts {
    using Reply = Counts;
  };
  struct Try {};
  using Info = troupe::Messages<Try>;
  static constexpr int tries = 3;
  static constexpr std::size_t max_waiting = 10'000;

  explicit EmailWorker(net::Address server) : server_{std::move(server)} {}

  void handle_cast(Process& self, SendEmail m) {
    if (queue_.size() == max_waiting) {
      log::error("a mail to {} is dropped: {} are waiting", m.mail.to, queue_.size());
      ++counts_.failed;
      return;
    }
    queue_.push_back({std::move(m.mail)});
    if (queue_.size() == 1) send(self.pid(), Try{});
  }
  Counts handle_call(GetCounts) {
    Counts counts = counts_;
    counts.waiting = queue_.size();
    return counts;
  }
  Async<> handle_info(Process& self, Try) {
    Waiting& first = queue_.front();
    SmtpSession session;
    const auto result = co_await session.deliver(self, server_, first.mail);
    if (!result && !result.error().permanent && ++first.tries < tries) {
      send_after(self.pid(), first.tries * 200ms, Try{});
      co_return;
    }
    if (!result) log::error("mail to {}: {}", first.mail.to, result.error().text);
    ++(result ? counts_.delivered : counts_.failed);
    queue_.pop_front();
    if (!queue_.empty()) send(self.pid(), Try{});
  }

 private:
  struct Waiting {
    Mail mail;
    int tries = 0;
  };
  net::Address server_;
  std::deque<Waiting> queue_;
  Counts counts_;
};

inline void send_email(std::string to, std::string subject, std::string body) {
  cast(named<EmailWorker>("email_worker"),
       EmailWorker::SendEmail{{std::move(to), std::move(subject), std::move(body)}});
}

}  // namespace email_worker
