// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// A solution of the exercise of tutorial chapter 15.
#pragma once

#include <map>
#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace exercises {

using Data = std::map<std::string, std::string>;

// A session that is read and written as a whole, as frameworks do. A writer says which version it
// has read; if another was faster, it is refused and has to look again.
struct VersionedSession : GenServer<VersionedSession> {
  struct Content {
    int version = 0;
    Data data = {};
  };
  struct Read {
    using Reply = Content;
  };
  struct Write {
    Content content;
    using Reply = bool;  // false: somebody has written since
  };

  Content handle_call(Read) { return content_; }
  bool handle_call(Write m) {
    if (m.content.version != content_.version) return false;
    content_ = {m.content.version + 1, std::move(m.content.data)};
    return true;
  }

 private:
  Content content_;
};

// Changes one field, however many others do the same: reads, writes, and begins again if refused.
inline Async<> set_field(Process& self, ServerRef<VersionedSession> session, std::string key,
                         std::string value) {
  for (;;) {
    auto content = co_await call(self, session, VersionedSession::Read{});
    content.data[key] = value;
    if (co_await call(self, session, VersionedSession::Write{std::move(content)})) co_return;
  }
}

}  // namespace exercises
