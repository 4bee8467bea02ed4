// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "server/key_request.hpp"

#include "server/key_locks.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

// How often a key's process may turn out to be gone before the client is told.
constexpr int max_attempts = 1'000;

constexpr const char* crashed =
    "-ERR the session's process crashed while it handled this command; the value is the one stored "
    "last\r\n";
constexpr const char* unavailable = "-ERR the session cannot be reached now\r\n";

}  // namespace

KeyRequest::KeyRequest(HouseRef house, const CommandSpec& command,
                       std::span<const std::string_view> words, std::uint8_t database,
                       const Asker& asker)
    : house_{house},
      command_{&command},
      packed_{pack_command(command.id, words)},
      asker_{asker},
      key_{greenroom::storage_key(database, words[command.key_at(0)])} {}

Async<> KeyRequest::send(Process& self) {
  FoundSession found = destination();
  if (*found && *found == sent_to_) {
    // It was there a moment ago and is not: a crash left its entry. Its successor takes it over.
    found = co_await start_session(self, house_, key_);
  } else if (!*found) {
    const CommandWords words{packed_};
    const ApplyContext context{.now_ms = self.system_time() / 1ms,
                               .version = asker_.version,
                               .max_string_bytes = house_->max_value_bytes,
                               .client = asker_.client,
                               .random = 0};
    KeyState nothing;
    std::string reply;
    const KeyOutcome outcome =
        perform(nothing, nullptr, key_in(key_), *command_, words.view(), context, reply);
    // A lock needs somebody who hands it on, also where there is no session yet.
    if (!nothing.session.exists() && command_->id != CommandId::sess_lock) {
      // What it asks of a key that is not there leaves none behind: no process is needed.
      KeyTally tally;
      tally.note(*command_, outcome);
      house_->counters.add(tally);
      answered_ = std::move(reply);
      sent_to_ = Pid{};
      request_.reset();
      co_return;
    }
    found = new_session(house_, key_);
  }
  if (found) {
    sent_to_ = *found;
  } else {
    ++failed_starts_;  // it stays sent to the dead one, and the next attempt starts another
  }
  if (found && *found) {
    request_.emplace(
        send_request(self, ServerRef<SessionServer>{*found},
                     SessionServer::Apply{packed_, asker_.version, asker_.counts_as_access,
                                          asker_.leaves_tombstone, asker_.client}));
  } else {
    request_.reset();
  }
}

Async<std::string> KeyRequest::reply(Process& self, Duration limit) {
  for (int attempt = 0; attempt < max_attempts && failed_starts_ < max_failed_starts; ++attempt) {
    if (!answered_.empty()) co_return std::move(answered_);
    if (request_) {
      auto response = co_await request_->response(limit);
      if (response) co_return std::move(*response);
      const CallError& error = response.error();
      if (error.code == CallError::Code::timeout) co_return {};
      if (error.code == CallError::Code::down && !error.reason.is_orderly() &&
          !error.reason.is(atoms::noproc)) {
        co_return crashed;
      }
      // It ended before it came to this command, which therefore has not happened.
    }
    if (attempt > 2) co_await self.sleep(1ms);
    co_await send(self);
  }
  co_return unavailable;
}

}  // namespace greenroom
