// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/dictionary_trainer.hpp"

#include "persistence/shard_writer.hpp"
#include "session/for_each_session.hpp"
#include "session/session_server.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

// While samples wait for the time of their training.
constexpr Duration look_again = 60s;
constexpr Duration store_limit = 30s;
// How sessions are told to pack again: most of the time is for those who use them.
constexpr Pace gentle{.at_once = 500, .pause = 10ms};

// Until it is durable. False: it is not.
Async<bool> keep(Process& self, HouseRef house, std::uint32_t number, std::string key,
                 std::string value) {
  if (house->writers.empty()) co_return true;
  const Pid writer = whereis(house->writer_for(key));
  if (!writer) co_return false;
  send(writer, StoreValue{self.pid(), number, std::move(key), std::move(value)});
  co_return co_await self.receive(
      when([number](const Stored& stored) { return stored.revision == number; },
           [](Stored) { return true; }),
      when([number](const StoreFailed& failed) { return failed.revision == number; },
           [](StoreFailed) { return false; }),
      after(store_limit, [] { return false; }));
}

Async<> pack_again(Process& self, HouseRef house, std::string prefix) {
  const auto tell = [prefix = std::move(prefix)](std::string_view key, Pid session) {
    if (kind_of_key(key_in(key)) == prefix) send(session, SessionServer::PackAgain{});
  };
  co_await for_each_session(self, house->sessions, gentle, tell);
}

Async<> train_one(Process& self, HouseRef house, Dictionaries::Training training) {
  const std::uint32_t number = house->dictionaries.free_number();
  if (number == 0) co_return;
  const bool is_first = training.before == nullptr;
  const std::string prefix = training.prefix;
  const std::size_t samples = training.samples.sizes.size();
  using Bytes = std::optional<std::string>;
  struct Job {
    Samples samples;
    const Dictionary* before;  // as long as the server lives
  };
  Bytes bytes =
      co_await blocking(self, [job = Job{std::move(training.samples), training.before}]() -> Bytes {
        return train(job.samples, job.before);
      });
  if (!bytes) co_return;
  std::string key = Dictionaries::stored_key(number);
  std::string value = Dictionaries::stored_value(prefix, *bytes);
  const bool is_kept = co_await keep(self, house, number, key, value);
  if (!is_kept || !house->dictionaries.add(key, value)) {
    log::warning("a dictionary for sessions could not be stored and is not used");
    co_return;
  }
  log::info("sessions with the prefix \"{}\" are packed with dictionary {}, from {} samples",
            prefix, number, samples);
  if (is_first) co_await pack_again(self, house, prefix);
}

}  // namespace

Async<> dictionary_trainer(Process& self, HouseRef house) {
  while (true) {
    while (auto training = house->dictionaries.next_training(self.system_time() / 1ms)) {
      co_await train_one(self, house, std::move(*training));
    }
    const Duration limit = house->dictionaries.has_later_training() ? look_again : infinity;
    (void)co_await self.receive<TrainingDue>(limit);
  }
}

}  // namespace greenroom
