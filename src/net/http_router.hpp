// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <troupe/http_server.hpp>

namespace troupe::http {

// The routes in the order they were added. Looked at one by one: an application has dozens.
struct Router::Table {
  struct Segment {
    enum class Kind : std::uint8_t { literal, one, rest };
    Kind kind;
    std::string text;  // what it must be, or the name of what it captures
  };
  struct Route {
    std::string method;
    std::vector<Segment> segments;
    std::shared_ptr<const detail::Handler> handler;
  };
  using Captures = std::vector<std::pair<std::string, std::string>>;

  struct Found {
    const detail::Handler* handler = nullptr;  // null: no route
    Captures captures;
    std::string allowed;  // the methods the path has, "GET, HEAD"; empty: no such path
  };

  Found find(std::string_view method, std::string_view path) const;

  std::vector<Route> routes;
  std::shared_ptr<const detail::Gate> gate;  // null: everything is let in
};

}  // namespace troupe::http
