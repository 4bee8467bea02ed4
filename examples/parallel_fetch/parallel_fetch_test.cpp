// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// The same fetches from a server in this program, so that they run over the simulated network too.
// (drive.py has them from a web server that somebody else wrote.)
#include "parallel_fetch/parallel_fetch.hpp"

#include <gtest/gtest.h>

#include <troupe/http_server.hpp>

#include "support/on_every_executor.hpp"

namespace {

using namespace parallel_fetch;

// Serves pages 1, 2 and 3 of 100, 200 and 300 bytes, each after this time; the addresses of them.
Async<std::vector<std::string>> serve(Process& self, Duration time) {
  http::Router router;
  router.on("GET", "/{n}", [time](Process& me, http::Exchange& e) -> Async<http::Response> {
    const std::string page{e.capture("n")};
    co_await me.sleep(time);
    if (page != "1" && page != "2" && page != "3") co_return http::Response::text(404, "no");
    co_return http::Response::text(200,
                                   std::string(100u * static_cast<unsigned>(page[0] - '0'), 'x'));
  });
  const http::ServerOptions options{.listen = {"127.0.0.1", 0}};
  const auto server = co_await http::start_link(self, options, router);
  const auto port = co_await http::listening_port(self, server.value());
  std::vector<std::string> urls;
  for (const char* page : {"1", "2", "3", "none"}) {
    urls.push_back("http://127.0.0.1:" + std::to_string(port) + "/" + page);
  }
  co_return urls;
}

TEST(ParallelFetch, gives_every_page_in_the_order_of_the_urls) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto pages = co_await fetch_all(self, co_await serve(self, 1ms));
    EXPECT_EQ(pages.size(), 4u);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(pages[i].status, 200);
      EXPECT_EQ(pages[i].body.size(), 100 * (i + 1));
    }
    EXPECT_EQ(pages[3].status, 404);
  });
}

// The course's times: three seconds one after the other, one at once.
TEST(ParallelFetch, three_pages_of_a_second_take_a_second_at_once_and_three_in_turn) {
  test::on_every_seed([](Process& self) -> Async<> {
    auto urls = co_await serve(self, 1s);
    urls.pop_back();
    Duration start = self.monotonic_time();
    for (const std::string& url : urls) co_await fetch(self, url);
    EXPECT_GE(self.monotonic_time() - start, Duration{3s});
    start = self.monotonic_time();
    co_await fetch_all(self, urls);
    EXPECT_LT(self.monotonic_time() - start, Duration{2s});
  });
}

TEST(ParallelFetch, a_page_that_nobody_serves_is_a_page_that_says_so) {
  test::on_every_executor([](Process& self) -> Async<> {
    auto urls = co_await serve(self, 1ms);
    urls.insert(urls.begin(), "http://127.0.0.1:1/");
    const auto pages = co_await fetch_all(self, urls);
    EXPECT_EQ(pages[0].status, 0);
    EXPECT_FALSE(pages[0].body.empty());
    EXPECT_EQ(pages[1].status, 200);
  });
}

}  // namespace
