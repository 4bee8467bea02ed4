// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "http/admin_page.hpp"

#include <charconv>

#include "http/admin_access.hpp"
#include "http/admin_html.hpp"
#include "http/key_question.hpp"
#include "resp/glob.hpp"
#include "resp/secret.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t max_rows = 50;

// A page's answer: nothing of it is kept by anybody, run by anybody, or framed by anybody.
http::Response guarded(http::Response response) {
  response.fields.add("Cache-Control", "no-store");
  response.fields.add("Content-Security-Policy",
                      "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
                      "frame-ancestors 'none'");
  response.fields.add("X-Content-Type-Options", "nosniff");
  response.fields.add("Referrer-Policy", "no-referrer");
  return response;
}

void set_cookie(http::Response& response, const std::string& token, bool is_encrypted) {
  std::string cookie{admin_cookie};
  cookie += "=" + token + "; Path=/admin; HttpOnly; SameSite=Strict; Max-Age=" +
            (token.empty() ? "0" : std::to_string(AdminLogins::idle_limit / 1s));
  if (is_encrypted) cookie += "; Secure";
  response.fields.add("Set-Cookie", cookie);
}

// A browser says from which site a form came. Clients without Origin are no browsers.
bool is_from_here(const http::Request& request) {
  const auto origin = request.fields.find("origin");
  if (!origin) return true;
  const std::string host{request.fields.find("host").value_or("")};
  return *origin == "http://" + host || *origin == "https://" + host;
}

struct Visitor {
  std::string token;
  AdminLogins::Login login;
};

std::optional<Visitor> visitor_of(Process& self, Operation& operation,
                                  const http::Request& request) {
  const auto token = request.cookie(admin_cookie);
  if (!token) return std::nullopt;
  auto login = operation.logins.find(*token, self.monotonic_time());
  if (!login) return std::nullopt;
  return Visitor{std::string{*token}, std::move(*login)};
}

// The visitor of a form that our own page sent.
std::optional<Visitor> sender_of(Process& self, Operation& operation,
                                 const http::Request& request) {
  auto visitor = visitor_of(self, operation, request);
  if (!visitor || !is_from_here(request)) return std::nullopt;
  const std::string given = request.form("csrf").value_or("");
  if (!equal_in_constant_time(given, visitor->login.csrf)) return std::nullopt;
  return visitor;
}

http::Response forbidden() {
  return guarded(http::Response::html(
      403, login_html("That form was not from here, or is too old. Log in again.")));
}

AdminView view_of(Process& self, const Operation& operation, const Visitor& visitor) {
  AdminView view;
  view.facts = gather_facts(self, operation.server);
  view.csrf = visitor.login.csrf;
  view.durability = view.facts.durability;
  return view;
}

Async<FoundRow> describe(Process& self, Operation& operation, std::string storage_key) {
  FoundRow row;
  const HouseRef house{&operation.server.house};
  const std::uint8_t database = database_of(storage_key);
  const std::string id{key_in(storage_key)};
  const auto ask = [&](CommandId command, std::vector<std::string> words) {
    words.push_back(id);
    return ask_key(self, house, command, std::move(words), database);
  };
  row.hash = operation.audit.hash()(id);
  row.database = database;
  std::vector<std::string> type{"TYPE"};
  const std::string type_reply = co_await ask(CommandId::type, std::move(type));
  row.type = word_in(type_reply);
  const CommandId length = row.type == "string" ? CommandId::strlen
                           : row.type == "set"  ? CommandId::scard
                                                : CommandId::hlen;
  std::vector<std::string> size{std::string{command_spec(length).name}};
  row.size = integer_in(co_await ask(length, std::move(size)));
  std::vector<std::string> ttl{"PTTL"};
  row.ttl_ms = integer_in(co_await ask(CommandId::pttl, std::move(ttl)));
  std::vector<std::string> idle{"OBJECT", "IDLETIME"};
  row.idle_s = integer_in(co_await ask(CommandId::object_idletime, std::move(idle)));
  co_return row;
}

// Keys of the database that are this id or fit this pattern, one more than is shown.
Async<std::vector<std::string>> search(Process& self, OperationPtr operation, std::uint8_t database,
                                       std::string pattern) {
  const KeyTable& table = operation->server.house.sessions;
  std::vector<std::string> keys;
  if (pattern.find_first_of("*?[") == std::string_view::npos) {
    std::string key = storage_key(database, pattern);
    if (table.find(key)) keys.push_back(std::move(key));
    co_return keys;
  }
  for (std::uint64_t cursor = 0;;) {
    cursor = table.scan(cursor, 1'000, [&](std::string_view stored, Pid) {
      if (keys.size() <= max_rows && database_of(stored) == database &&
          glob_match(pattern, key_in(stored))) {
        keys.emplace_back(stored);
      }
    });
    if (cursor == 0 || keys.size() > max_rows) co_return keys;
    co_await self.yield();  // a pattern that nothing fits is looked for among all keys
  }
}

std::optional<std::size_t> number_of(std::string_view text) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Async<http::Response> log_in(Process& self, OperationPtr operation, http::Exchange& exchange) {
  const http::Request& request = exchange.request();
  if (!is_from_here(request)) co_return forbidden();
  const std::string& address = exchange.peer().host;
  const PasswordCheck check =
      check_admin_password(self, *operation, request.form("password").value_or(""), address);
  if (check.wait > Duration::zero()) {
    http::Response refusal = too_many_attempts(check.wait);
    const auto retry = std::string{refusal.fields.find("retry-after").value_or("")};
    http::Response page = guarded(
        http::Response::html(429, login_html("Too many wrong passwords. Wait " + retry + " s.")));
    page.fields.add("Retry-After", retry);
    co_return page;
  }
  if (!check.is_right) {
    co_return guarded(http::Response::html(401, login_html("That is not the password.")));
  }
  operation->audit.write({.act = "login", .who = "admin", .from = address});
  http::Response response = guarded(http::Response::redirect("/admin"));
  set_cookie(response, operation->logins.add(self.monotonic_time()), exchange.is_encrypted());
  co_return response;
}

Async<http::Response> show_found(Process& self, OperationPtr operation, http::Exchange& exchange) {
  const http::Request& request = exchange.request();
  const auto visitor = sender_of(self, *operation, request);
  if (!visitor) co_return forbidden();
  const std::size_t database = number_of(request.form("db").value_or("")).value_or(0);
  std::vector<std::string> keys = co_await search(
      self, operation, static_cast<std::uint8_t>(std::min<std::size_t>(database, 15)),
      request.form("id").value_or(""));
  AdminView view = view_of(self, *operation, *visitor);
  view.has_searched = true;
  view.has_more = keys.size() > max_rows;
  if (view.has_more) keys.resize(max_rows);
  for (const std::string& key : keys) {
    view.rows.push_back(co_await describe(self, *operation, key));
  }
  operation->logins.set_found(visitor->token, std::move(keys));
  co_return guarded(http::Response::html(200, admin_html(view)));
}

Async<http::Response> revoke(Process& self, OperationPtr operation, http::Exchange& exchange) {
  const http::Request& request = exchange.request();
  const auto visitor = sender_of(self, *operation, request);
  if (!visitor) co_return forbidden();
  const auto number = number_of(request.form("number").value_or(""));
  AdminView view = view_of(self, *operation, *visitor);
  if (!number || *number >= visitor->login.found.size()) {
    view.notice = "That search is too old; search again.";
    co_return guarded(http::Response::html(400, admin_html(view)));
  }
  const std::string& key = visitor->login.found[*number];
  const std::string id{key_in(key)};
  std::vector<std::string> words{"DEL", id};
  const std::string reply = co_await ask_key(self, HouseRef{&operation->server.house},
                                             CommandId::del, std::move(words), database_of(key));
  const std::string hash = operation->audit.hash()(id);
  if (integer_in(reply) == 1) {
    operation->audit.write(
        {.act = "revoke", .who = "admin", .from = exchange.peer().host, .id = id});
    view.notice = "Session " + hash + " is revoked.";
  } else {
    view.notice = "Session " + hash + " was gone already.";
  }
  co_return guarded(http::Response::html(200, admin_html(view)));
}

}  // namespace

void add_admin_page(http::Router& router, OperationPtr operation) {
  router.on("GET", "/admin/style.css", [](const http::Exchange&) {
    http::Response response;
    response.fields.add("Content-Type", "text/css; charset=utf-8");
    response.body = admin_css();
    return response;
  });
  router.on("GET", "/", [](const http::Exchange&) { return http::Response::redirect("/admin"); });
  router.on("GET", "/admin",
            [operation](Process& self, http::Exchange& exchange) -> Async<http::Response> {
              const auto visitor = visitor_of(self, *operation, exchange.request());
              co_return guarded(http::Response::html(
                  200, visitor ? admin_html(view_of(self, *operation, *visitor)) : login_html("")));
            });
  router.on("POST", "/admin/login", [operation](Process& self, http::Exchange& exchange) {
    return log_in(self, operation, exchange);
  });
  router.on("POST", "/admin/logout",
            [operation](Process& self, http::Exchange& exchange) -> Async<http::Response> {
              const auto visitor = sender_of(self, *operation, exchange.request());
              if (!visitor) co_return forbidden();
              operation->logins.remove(visitor->token);
              http::Response response = guarded(http::Response::redirect("/admin"));
              set_cookie(response, {}, exchange.is_encrypted());
              co_return response;
            });
  router.on("POST", "/admin/search", [operation](Process& self, http::Exchange& exchange) {
    return show_found(self, operation, exchange);
  });
  router.on("POST", "/admin/revoke", [operation](Process& self, http::Exchange& exchange) {
    return revoke(self, operation, exchange);
  });
}

}  // namespace greenroom
