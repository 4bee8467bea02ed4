// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Several pages fetched at once, each by a task with a connection of its own: together they take as
// long as the slowest. In the course a page that cannot be fetched ends the caller and all other
// fetches; here it is a page that says so.
#pragma once

#include <string>
#include <vector>

#include <troupe/http_client.hpp>
#include <troupe/task.hpp>
#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace parallel_fetch {

struct Page {
  std::string url;
  int status;  // 0: no answer, and `body` says why
  std::string body;
};

inline Async<Page> fetch(Process& self, std::string url) {
  auto response = co_await http::fetch(self, url);
  if (!response) co_return {std::move(url), 0, std::move(response.error().text)};
  co_return {std::move(url), response->status, std::move(response->body)};
}

// In the order of the urls.
inline Async<std::vector<Page>> fetch_all(Process& self, std::vector<std::string> urls) {
  std::vector<TaskRef<Page>> tasks;
  for (std::string& url : urls) tasks.push_back(Task::async(self, fetch, std::move(url)));
  co_return co_await Task::await_many(self, std::move(tasks), 60s);
}

}  // namespace parallel_fetch
