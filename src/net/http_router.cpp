// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "net/http_router.hpp"

#include "net/http_text.hpp"

namespace troupe::http {

namespace {

using Segment = Router::Table::Segment;

std::vector<Segment> parse_pattern(std::string_view pattern) {
  const auto refuse = [&](const char* why) {
    throw ErrorException{tuple({atoms::badarg, Term::binary(why), Term::binary(pattern)})};
  };
  if (!pattern.starts_with('/')) refuse("a route begins with /");
  pattern.remove_prefix(1);
  std::vector<Segment> segments;
  do {
    const bool is_last = pattern.find('/') == std::string_view::npos;
    std::string_view text = take_until(pattern, '/');
    if (!text.starts_with('{')) {
      segments.push_back({Segment::Kind::literal, std::string{text}});
    } else {
      if (!text.ends_with('}')) refuse("a route's { has no }");
      text = text.substr(1, text.size() - 2);
      const bool is_rest = text.ends_with("...");
      if (is_rest && !is_last) refuse("{name...} is the last of a route");
      if (is_rest) text.remove_suffix(3);
      segments.push_back({is_rest ? Segment::Kind::rest : Segment::Kind::one, std::string{text}});
    }
    // "/a/" has an empty last segment, as has "/".
    if (pattern.empty() && !is_last) segments.push_back({Segment::Kind::literal, {}});
  } while (!pattern.empty());
  return segments;
}

bool fits(const std::vector<Segment>& segments, std::string_view path,
          Router::Table::Captures& captures) {
  captures.clear();
  if (!path.starts_with('/')) return false;
  path.remove_prefix(1);
  bool more = true;  // whether `path` holds another segment, maybe an empty one
  for (const Segment& segment : segments) {
    if (!more) return false;
    if (segment.kind == Segment::Kind::rest) {
      auto decoded = percent_decode(path);
      if (!decoded) return false;
      captures.emplace_back(segment.text, std::move(*decoded));
      return true;
    }
    more = path.find('/') != std::string_view::npos;
    auto decoded = percent_decode(take_until(path, '/'));
    if (!decoded) return false;
    if (segment.kind == Segment::Kind::literal) {
      if (*decoded != segment.text) return false;
    } else {
      if (decoded->empty()) return false;
      captures.emplace_back(segment.text, std::move(*decoded));
    }
  }
  return !more;
}

void note_method(std::string& allowed, std::string_view method) {
  if (!allowed.empty()) allowed += ", ";
  allowed += method;
  if (method == "GET") allowed += ", HEAD";
}

}  // namespace

namespace detail {
Gate::~Gate() = default;
Handler::~Handler() = default;
}  // namespace detail

Router::Router() : table_{std::make_shared<Table>()} {}

void Router::set_gate(std::shared_ptr<const detail::Gate> gate) { table_->gate = std::move(gate); }

void Router::add(std::string_view method, std::string_view pattern,
                 std::shared_ptr<const detail::Handler> handler) {
  table_->routes.push_back(
      Table::Route{std::string{method}, parse_pattern(pattern), std::move(handler)});
}

Router::Table::Found Router::Table::find(std::string_view method, std::string_view path) const {
  Found found;
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  for (const Route& route : routes) {
    Captures captures;
    if (!fits(route.segments, path, captures)) continue;
    if (route.method == method || route.method == wanted) {
      found.handler = route.handler.get();
      found.captures = std::move(captures);
      return found;
    }
    note_method(found.allowed, route.method);
  }
  return found;
}

}  // namespace troupe::http
