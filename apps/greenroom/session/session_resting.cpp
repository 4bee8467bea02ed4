// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// How a session falls asleep, as a record (sleeping_session.hpp), and wakes with the next message.
#include <utility>

#include "session/packed_record.hpp"
#include "session/session_server.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

SessionServer::SessionServer(Process&, HouseRef house, DormantPtr sleeper) : house_{house} {
  auto* asleep = static_cast<SleepingSession*>(sleeper.get());
  storage_key_ = asleep->key();
  armed_ms_ = asleep->traits().armed_ms;
  is_new_ = asleep->is_new();
  if (!is_new_) {
    if (!unpack(asleep->record())) throw ExitException{ExitReason{"damaged_value"}};
    kept_key_ = asleep->key();
    state_.session.set_reads(asleep->traits().reads);
    state_.session.set_last_client(asleep->traits().last_client);
    waits_for_packing_ = asleep->waits_for_packing();
    accessed_before_ms_ = state_.session.last_access_at_ms();
    is_listed_ = counted_ = state_.session.exists();
    counted_expiry_ms_ = counted_ ? state_.session.expires_at_ms() : 0;
    counted_bytes_ = bytes_asleep(storage_key_.size(), asleep->record().size());
  }
  asleep_.reset(static_cast<SleepingSession*>(sleeper.release()));
  if (is_new_) asleep_.reset();
}

// Whether there is nothing but what a record can hold.
bool SessionServer::can_rest() const {
  if (company_ || under_way_ != 0 || stored_revision_ != state_.session.revision()) return false;
  if (state_.extra && (!state_.extra->bases.empty() || !state_.extra->saw_gone.empty() ||
                       !state_.extra->history.empty())) {
    return false;
  }
  return state_.session.memory_bytes() <= largest_asleep && storage_key_.size() <= UINT16_MAX;
}

Next SessionServer::rest(Process& self) {
  const Session& session = state_.session;
  const std::int64_t due_ms = session.exists() ? session.expires_at_ms() : state_.dead_until_ms();
  arm(self, due_ms);
  if (kept_key_.empty()) {
    const KeyTable& table = is_listed_ ? house_->sessions : house_->absent;
    kept_key_ = table.kept_key(storage_key_, self.pid());
    if (kept_key_.empty()) return Next::noreply();  // somebody took it for dead: it is not found
  }
  const SleepingSession::Traits traits{session.last_client(), session.reads(), armed_ms_};
  DormantPtr sleeper;
  if (asleep_ && packed_revision_ == 0) {
    asleep_->set_traits(traits);
    asleep_->set_key(kept_key_);
    sleeper = DormantPtr{asleep_.release()};
  } else if (may_rest_unpacked(self)) {
    sleeper = SleepingSession::of_record(house_, kept_key_, encode_key(state_), traits);
    static_cast<SleepingSession*>(sleeper.get())->wait_for_packing();
  } else {
    sleeper = SleepingSession::of_record(house_, kept_key_, packed(), traits);
  }
  if (session.exists()) {
    auto* asleep = static_cast<SleepingSession*>(sleeper.get());
    set_last_access(asleep->record_bytes(), session.last_access_at_ms());
  }
  const auto* asleep = static_cast<const SleepingSession*>(sleeper.get());
  const std::int64_t bytes = bytes_asleep(storage_key_.size(), asleep->record().size());
  house_->counters.dataset_bytes.fetch_add(bytes - counted_bytes_, std::memory_order_relaxed);
  has_left_ = true;
  sleep_as(self, std::move(sleeper));
  return Next::noreply();
}

// Whether to compress the value may be left for later. What is stored is compressed anyway.
bool SessionServer::may_rest_unpacked(Process& self) {
  const Session& session = state_.session;
  if (packed_revision_ == session.revision() || !session.exists() ||
      session.memory_bytes() > sizeof(Session) + PackingQueue::max_value_bytes) {
    return false;
  }
  if (waits_for_packing_) return true;
  const std::int64_t now = now_ms(self);
  const std::int64_t wait = PackingQueue::wait / 1ms;
  const bool is_busy = now - accessed_before_ms_ < wait && now - session.created_at_ms() >= wait;
  if (!is_busy || !house_->dictionaries.may_compress(key()) || house_->is_full()) return false;
  switch (house_->packing.add(self.pid(), self.monotonic_time())) {
    case PackingQueue::Added::no:
      return false;
    case PackingQueue::Added::yes:
      return true;
    case PackingQueue::Added::first:
      if (const Pid packer = whereis(packer_name)) send(packer, PackingWanted{});
      return true;
  }
  std::unreachable();
}

const std::string& SessionServer::packed() {
  if (packed_revision_ != state_.session.revision()) {
    packed_ = pack_record(state_, key(), house_->dictionaries);
    packed_revision_ = state_.session.revision();
    if (house_->dictionaries.has_new_training()) {
      if (const Pid trainer = whereis(trainer_name)) send(trainer, TrainingDue{});
    }
  }
  return packed_;
}

bool SessionServer::unpack(std::string_view record) {
  auto state = unpack_record(record, house_->dictionaries);
  if (!state) return false;
  state_ = std::move(*state);
  stored_revision_ = state_.session.revision();
  return true;
}

Next SessionServer::handle_info(Process& self, PackAgain) {
  waits_for_packing_ = false;
  if (asleep_ && packed_revision_ == 0) {
    const auto facts = facts_of_record(asleep_->record());
    if (facts && facts->exists() && facts->dictionary == 0) {
      asleep_.reset();
      (void)packed();  // now, and not later again
    }
  }
  return next(self);
}

}  // namespace greenroom
