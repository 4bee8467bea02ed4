// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A mailbox is a queue: messages from one sender are received in the order in which they were sent,
// and a receive takes the oldest that fits. The course sends to itself, where nothing could go
// wrong; here the reader is another process, on another thread perhaps, and the order is the same.
#pragma once

#include <string>
#include <vector>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace mailbox_order {

// Receives `count` texts, one after the other, and hands over the list.
inline Async<> reader(Process& self, int count, Pid to) {
  std::vector<std::string> read;
  for (int i = 0; i < count; ++i) read.push_back(co_await self.receive<std::string>());
  send(to, std::move(read));
}

}  // namespace mailbox_order
