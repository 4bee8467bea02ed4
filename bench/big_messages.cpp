// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// What does a large message cost: one that is made for each send, and one that is shared? At most
// 16 are on their way.
#include <troupe/troupe.hpp>

#include "workloads.hpp"

namespace troupe::bench {

namespace {

using Bytes = std::vector<char>;

struct Fresh {
  Pid from;
  Bytes bytes;
};
struct Shared {
  Pid from;
  std::shared_ptr<const Bytes> bytes;
};
struct Ack {
  int sum;
};

Async<> reader(Process& self) {
  while (true) {
    co_await self.receive(
        [](const Fresh& m) { send(m.from, Ack{m.bytes.front() + m.bytes.back()}); },
        [](const Shared& m) { send(m.from, Ack{m.bytes->front() + m.bytes->back()}); });
  }
}

template <class Make>
Async<double> rate_of(Process& self, Pid to, std::int64_t count, Make make) {
  int credit = 16;
  const Stopwatch watch;
  for (std::int64_t i = 0; i < count; ++i) {
    if (credit == 0) {
      co_await self.receive<Ack>();
      ++credit;
    }
    send(to, make());
    --credit;
  }
  for (; credit < 16; ++credit) co_await self.receive<Ack>();
  co_return watch.rate(count);
}

Async<> start(Process& self, std::int64_t size, std::int64_t count) {
  const Pid to = spawn_link(reader);
  const auto source = std::make_shared<const Bytes>(static_cast<std::size_t>(size), 'x');
  const Pid me = self.pid();
  const double shared = co_await rate_of(self, to, count, [&] { return Shared{me, source}; });
  print("bigmsg", "shared_rate", shared, "msgs/s");
  const double fresh = co_await rate_of(self, to, count, [&] { return Fresh{me, *source}; });
  print("bigmsg", "fresh_rate", fresh, "msgs/s");
}

void run(const Arguments& sizes) { in_runtime(start, sizes[0], sizes[1]); }

}  // namespace

const Workload big_messages{"bigmsg", "BYTES MESSAGES", "65536 100", run};

}  // namespace troupe::bench
