// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "host/socket_table.hpp"

#include <cerrno>
#include <cstring>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <utility>

#include "host/address.hpp"

namespace troupe {
namespace {

constexpr Interest directions[2] = {Interest::read, Interest::write};

std::unexpected<IoError> stale() { return std::unexpected(IoError{IoErrorKind::closed, EBADF}); }

// True when the stream is connected to itself: connecting to a port of our own machine that nobody
// listens on can pick that very port as the local one, and TCP's simultaneous open then succeeds.
bool is_connected_to_itself(int fd, const SocketAddress& peer) {
  SocketAddress local;
  local.length = sizeof local.storage;
  if (::getsockname(fd, local.data(), &local.length) != 0) return false;
  return to_endpoint(local) == to_endpoint(peer);
}

// 0 when the connect has succeeded, EINPROGRESS while it is under way, else why it failed.
int connect_outcome(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  if (error != 0) return error;
  SocketAddress peer;
  peer.length = sizeof peer.storage;
  if (::getpeername(fd, peer.data(), &peer.length) != 0) {
    return errno == ENOTCONN ? EINPROGRESS : errno;
  }
  return is_connected_to_itself(fd, peer) ? ECONNREFUSED : 0;
}

}  // namespace

SocketTable::~SocketTable() {
  for (std::atomic<Slot*>& chunk : chunks_) {
    Slot* slots = chunk.load(std::memory_order_relaxed);
    if (slots == nullptr) break;
    for (std::uint32_t i = 0; i < chunk_slots; ++i) Descriptor{slots[i].fd};
    delete[] slots;
  }
}

SocketTable::Slot* SocketTable::find(std::uint32_t index) noexcept {
  if (index >= max_sockets) return nullptr;
  Slot* slots = chunks_[index / chunk_slots].load(std::memory_order_acquire);
  return slots == nullptr ? nullptr : &slots[index % chunk_slots];
}

// The slot with its lock held, or nullptr and no lock when the id is stale.
SocketTable::Slot* SocketTable::lock_open(SocketId id,
                                          std::unique_lock<std::mutex>& lock) noexcept {
  Slot* slot = find(id.index);
  if (slot == nullptr) return nullptr;
  lock = std::unique_lock{slot->mutex};
  if (slot->open && slot->generation == id.generation) return slot;
  lock.unlock();
  return nullptr;
}

SocketTable::Slot* SocketTable::take_free() {
  const std::lock_guard lock{free_mutex_};
  if (free_ != nullptr) return std::exchange(free_, free_->next_free);
  if (used_ == max_sockets) return nullptr;
  if (used_ % chunk_slots == 0) {
    Slot* slots = new Slot[chunk_slots];
    for (std::uint32_t i = 0; i < chunk_slots; ++i) slots[i].index = used_ + i;
    chunks_[used_ / chunk_slots].store(slots, std::memory_order_release);
  }
  return find(used_++);
}

std::expected<SocketId, IoError> SocketTable::insert(Descriptor descriptor, Kind kind) {
  Slot* slot = take_free();
  if (slot == nullptr) return std::unexpected(IoError{IoErrorKind::too_many_files});
  const std::lock_guard lock{slot->mutex};
  slot->fd = descriptor.release();
  slot->kind = kind;
  slot->open = true;
  return SocketId{slot->index, slot->generation};
}

// Gives a closed slot that nobody has pinned back: first the descriptor, then the slot.
void SocketTable::release(Slot& slot, std::unique_lock<std::mutex> lock) noexcept {
  const Descriptor descriptor{std::exchange(slot.fd, -1)};
  slot.connect_error = 0;
  slot.registered = false;
  for (const int i : {0, 1}) slot.ready[i] = slot.ended[i] = slot.armed[i] = false;
  const bool retired = slot.generation == 0;  // every generation it has was used
  lock.unlock();
  if (retired) return;
  const std::lock_guard free_lock{free_mutex_};
  slot.next_free = std::exchange(free_, &slot);
}

void SocketTable::close(SocketId id) noexcept {
  std::unique_lock<std::mutex> lock;
  Slot* slot = lock_open(id, lock);
  if (slot == nullptr) return;
  slot->open = false;
  ++slot->generation;
  if (slot->pins == 0) release(*slot, std::move(lock));
}

SocketTable::Pin::Pin(SocketTable& table, SocketId id) noexcept : table_{table} {
  std::unique_lock<std::mutex> lock;
  slot_ = table.lock_open(id, lock);
  if (slot_ == nullptr) return;
  ++slot_->pins;
  fd_ = slot_->fd;
  edges_ = slot_->edges;
  kind_ = slot_->kind;
}

SocketTable::Pin::~Pin() {
  if (slot_ == nullptr) return;
  std::unique_lock lock{slot_->mutex};
  --slot_->pins;
  if (!slot_->open) {
    if (slot_->pins == 0) table_.release(*slot_, std::move(lock));
    return;
  }
  for (const int i : {0, 1}) {
    const bool exhausted = blocked_[i] || (short_[i] && !slot_->ended[i]);
    if (exhausted && slot_->edges == edges_) slot_->ready[i] = false;
  }
  if (slot_->kind == Kind::connecting && slot_->connect_error == 0) slot_->connect_error = error_;
}

std::expected<void, IoError> SocketTable::connect_result(SocketId id) {
  std::unique_lock<std::mutex> lock;
  Slot* slot = lock_open(id, lock);
  if (slot == nullptr) return stale();
  if (slot->kind == Kind::connecting && slot->connect_error == 0) {
    const int outcome = connect_outcome(slot->fd);
    if (outcome == EINPROGRESS) {
      slot->ready[1] = false;  // the edge of the result is still to come
      return std::unexpected(io_error_from_errno(EINPROGRESS));
    }
    if (outcome == 0) slot->kind = Kind::stream;
    slot->connect_error = outcome;
  }
  if (slot->connect_error != 0) return std::unexpected(io_error_from_errno(slot->connect_error));
  return {};
}

std::expected<WatchResult, IoError> SocketTable::watch(SocketId id, Interest interest,
                                                       std::uint64_t token, int epoll) {
  std::unique_lock<std::mutex> lock;
  Slot* slot = lock_open(id, lock);
  if (slot == nullptr) return stale();

  bool any_ready = false;
  for (const int i : {0, 1}) any_ready |= has(interest, directions[i]) && slot->ready[i];
  for (const int i : {0, 1}) {
    if (!has(interest, directions[i])) continue;
    slot->armed[i] = !any_ready;
    slot->tokens[i] = token;
  }
  if (any_ready) return WatchResult::ready;

  if (!slot->registered) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.u64 = key(id);
    if (::epoll_ctl(epoll, EPOLL_CTL_ADD, slot->fd, &event) != 0) {
      slot->armed[0] = slot->armed[1] = false;
      return std::unexpected(io_error_from_errno(errno));
    }
    slot->registered = true;
  }
  return WatchResult::armed;
}

void SocketTable::unwatch(SocketId id) noexcept {
  std::unique_lock<std::mutex> lock;
  if (Slot* slot = lock_open(id, lock)) slot->armed[0] = slot->armed[1] = false;
}

std::size_t SocketTable::deliver(std::uint64_t key, std::uint32_t events,
                                 std::span<Ready, 2> out) noexcept {
  const SocketId id{static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32U)};
  std::unique_lock<std::mutex> lock;
  Slot* slot = lock_open(id, lock);
  if (slot == nullptr) return 0;

  constexpr std::uint32_t work[2] = {EPOLLIN, EPOLLOUT};
  constexpr std::uint32_t ends[2] = {EPOLLRDHUP | EPOLLHUP | EPOLLERR, EPOLLHUP | EPOLLERR};
  ++slot->edges;
  bool fires[2];
  for (const int i : {0, 1}) {
    if ((events & ends[i]) != 0) slot->ended[i] = true;
    if ((events & (work[i] | ends[i])) != 0) slot->ready[i] = true;
    fires[i] = slot->ready[i] && slot->armed[i];
  }

  std::size_t count = 0;
  for (const int i : {0, 1}) {
    if (!fires[i]) continue;
    const int other = 1 - i;
    const bool same = slot->armed[other] && slot->tokens[other] == slot->tokens[i];
    Ready& ready = out[count++];
    ready.token = slot->tokens[i];
    ready.readable = fires[0] && (i == 0 || same);
    ready.writable = fires[1] && (i == 1 || same);
    ready.hangup = (events & ends[0]) != 0;
    slot->armed[i] = false;
    if (same) slot->armed[other] = fires[other] = false;
  }
  return count;
}

}  // namespace troupe
