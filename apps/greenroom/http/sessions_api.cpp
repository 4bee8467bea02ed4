// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "http/sessions_api.hpp"

#include <charconv>
#include <vector>

#include "http/admin_access.hpp"
#include "http/bounded_json.hpp"
#include "operation/log_lines.hpp"
#include "resp/command_table.hpp"
#include "resp/glob.hpp"
#include "server/key_locks.hpp"
#include "server/memory_keeper.hpp"
#include "session/apply.hpp"
#include "session/storage_key.hpp"
#include "text/utc_time.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

constexpr std::size_t max_listed = 1'000;
constexpr std::int64_t longest_ttl_ms = 100ll * 366 * 86'400'000;

http::Response error(int status, std::string_view text) {
  return http::Response::json(status, "{\"error\":" + json_string(text) + "}");
}

// What is addressed: the parameter db, and the id in the path.
struct Address {
  std::uint8_t database = 0;
  std::string id;
  std::string key;  // as it is stored
};

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::uint8_t> database_parameter(const http::Request& request) {
  const auto number = number_of(request.query("db").value_or("0"));
  if (!number || *number > 15) return std::nullopt;
  return static_cast<std::uint8_t>(*number);
}

std::optional<Address> address_of(const http::Exchange& exchange) {
  const auto database = database_parameter(exchange.request());
  if (!database) return std::nullopt;
  const std::string id{exchange.capture("id")};
  return Address{*database, id, storage_key(*database, id)};
}

// Names one state of one life.
std::string etag_of(const Session& session) {
  return "\"" + std::to_string(session.created_at_ms()) + "-" + std::to_string(session.revision()) +
         "\"";
}

bool names(std::string_view list, std::string_view etag) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view each = list.substr(0, comma);
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    while (each.starts_with(' ')) each.remove_prefix(1);
    while (each.ends_with(' ')) each.remove_suffix(1);
    if (each == "*" || each == etag) return true;
  }
  return false;
}

bool preconditions_hold(const http::Request& request, const Session& session) {
  const std::string etag = session.exists() ? etag_of(session) : std::string{};
  if (const auto wanted = request.fields.find("if-match")) {
    if (!session.exists() || !names(*wanted, etag)) return false;
  }
  if (const auto unwanted = request.fields.find("if-none-match")) {
    if (session.exists() && names(*unwanted, etag)) return false;
  }
  return true;
}

// Text as JSON has it; what is no UTF-8 is told as such.
void put_text(Json& into, std::string_view text) {
  Json parsed = parse_json(text);
  if (parsed.is_object()) into["data"] = std::move(parsed);
  try {
    (void)Json(text).dump();
    into["value"] = text;
  } catch (const Json::exception&) {
    into["value"] = nullptr;
    into["binary_bytes"] = text.size();
  }
}

Json describe(const Address& address, const Session& session, std::int64_t now_ms) {
  Json json{{"id", address.id},
            {"type", type_name(session.type())},
            {"created_at", time_text(session.created_at_ms())},
            {"last_access_at", time_text(session.last_access_at_ms())}};
  json["ttl_ms"] = session.expires_at_ms() == 0 ? Json{} : Json(session.expires_at_ms() - now_ms);
  if (session.type() == ValueType::string) {
    put_text(json, session.string());
  } else if (session.type() == ValueType::hash) {
    Json fields = Json::object();
    session.hash().for_each(
        [&](std::string_view name, std::string_view value) { fields[std::string{name}] = value; });
    json["fields"] = std::move(fields);
  }
  return json;
}

http::Response response_of(int status, const Json& json, const Session& session) {
  // Bytes of a client that are no UTF-8 become U+FFFD.
  http::Response response =
      http::Response::json(status, json.dump(-1, ' ', false, Json::error_handler_t::replace));
  response.fields.add("ETag", etag_of(session));
  return response;
}

// What a PUT or PATCH asks for, as commands on the key.
struct Wish {
  std::optional<std::string> text;
  std::optional<std::vector<std::pair<std::string, std::string>>> fields;
  std::optional<Json> patch;
  bool has_ttl = false;
  std::optional<std::int64_t> ttl_ms;  // nothing: for ever
};

std::expected<Wish, std::string> parse_wish(const http::Request& request) {
  const Json json = parse_json(request.body);
  if (!json.is_object()) return std::unexpected("the body is no JSON object, or nests too deep");
  Wish wish;
  int values = 0;
  for (const auto& [name, value] : json.items()) {
    if (name == "ttl_ms") {
      wish.has_ttl = true;
      if (value.is_null()) continue;
      if (!value.is_number_integer() || value.get<std::int64_t>() <= 0 ||
          value.get<std::int64_t>() > longest_ttl_ms) {
        return std::unexpected("ttl_ms is a whole number of milliseconds above 0, or null");
      }
      wish.ttl_ms = value.get<std::int64_t>();
    } else if (name == "data") {
      ++values;
      wish.text = value.dump();
      wish.patch = value;
    } else if (name == "value" && value.is_string()) {
      ++values;
      wish.text = value.get<std::string>();
    } else if (name == "fields" && value.is_object()) {
      ++values;
      wish.fields.emplace();
      for (const auto& [field, content] : value.items()) {
        if (!content.is_string()) return std::unexpected("fields are texts");
        wish.fields->emplace_back(field, content.get<std::string>());
      }
      if (wish.fields->empty()) return std::unexpected("a hash has at least one field");
    } else {
      return std::unexpected("not understood: " + name);
    }
  }
  if (values > 1) return std::unexpected("one of data, value and fields");
  return wish;
}

// A session held still while it is looked at and changed.
class HeldSession {
 public:
  HeldSession(Process& self, Operation& operation, Address address)
      : self_{self},
        house_{&operation.server.house},
        address_{std::move(address)},
        locks_{self, house_} {}

  // False: it cannot be reached now.
  Async<bool> hold() {
    std::vector<std::string> keys{address_.key};
    const bool held = co_await locks_.hold(std::move(keys));
    if (held) expire_if_due(session(), now_ms());
    co_return held;
  }

  Session& session() { return state().session; }
  // By SESS.BIND, as against the user that the value names; empty: nobody.
  std::string bound_user() {
    return state().extra && state().extra->user_was_bound ? state().extra->user : std::string{};
  }
  // Deleted or revoked lately, and under a rule that does not let it come back.
  bool is_dead() { return !session().exists() && state().is_dead(now_ms()); }
  std::int64_t now_ms() const { return self_.system_time() / 1ms; }
  const Address& address() const { return address_; }

  // Applies a command of Redis; its error text without "ERR", or nothing.
  std::optional<std::string> apply(CommandId command, std::vector<std::string_view> words,
                                   bool leaves_tombstone = true) {
    const ApplyContext context{.now_ms = now_ms(),
                               .now_us = self_.system_time() / 1us,
                               .max_string_bytes = house_->max_value_bytes,
                               .leaves_tombstone = leaves_tombstone};
    std::string reply;
    apply_held(command_spec(command), words, address_.database, locks_.keys(), context, reply);
    if (!reply.starts_with('-')) return std::nullopt;
    return reply.substr(1, reply.find('\r') - 1);
  }

  // Hands the change to its owner: stored as the server promises when this returns. Else an error.
  Async<std::optional<std::string>> commit() {
    std::string failure = co_await locks_.commit();
    if (failure.empty()) co_return std::nullopt;
    co_return failure.substr(1, failure.find('\r') - 1);
  }

  // The answer to a write that changes nothing because of what it found, when that is stored as the
  // server promises: it may be on its way to the disk yet.
  Async<http::Response> refuse(http::Response refusal) {
    locks_.keys().find(address_.key)->was_written = true;
    auto failure = co_await commit();
    if (failure) co_return error(503, *failure);
    co_return refusal;
  }

 private:
  KeyState& state() { return locks_.keys().find(address_.key)->state; }

  Process& self_;
  HouseRef house_;
  Address address_;
  KeyLocks locks_;
};

// In the place of whatever value there was. The session is the same: its age, by which it ends, its
// deadline, and the user that it was bound to stay.
std::optional<std::string> put_fields(
    HeldSession& held, const std::vector<std::pair<std::string, std::string>>& fields) {
  const std::string& id = held.address().id;
  const bool replaces = held.session().exists();
  const std::int64_t created_at_ms = held.session().created_at_ms();
  const std::int64_t expires_at_ms = held.session().expires_at_ms();
  const std::string user = held.bound_user();
  constexpr bool leaves_tombstone = false;  // it is about to have another value
  if (replaces) (void)held.apply(CommandId::del, {"DEL", id}, leaves_tombstone);
  std::vector<std::string_view> words{"HSET", id};
  for (const auto& [name, value] : fields) words.insert(words.end(), {name, value});
  if (auto failure = held.apply(CommandId::hset, std::move(words))) return failure;
  if (!replaces) return std::nullopt;
  held.session().set_created(created_at_ms);
  held.session().note_access(held.now_ms());
  if (!user.empty()) (void)held.apply(CommandId::sess_bind, {"SESS.BIND", id, user});
  if (expires_at_ms != 0) {
    const std::string at = std::to_string(expires_at_ms);
    (void)held.apply(CommandId::pexpireat, {"PEXPIREAT", id, at});
  }
  return std::nullopt;
}

std::optional<std::string> put(HeldSession& held, const Wish& wish) {
  const std::string& id = held.address().id;
  if (wish.text) {
    if (auto failure = held.apply(CommandId::set, {"SET", id, *wish.text, "KEEPTTL"}))
      return failure;
  }
  if (wish.fields) {
    if (auto failure = put_fields(held, *wish.fields)) return failure;
  }
  if (wish.ttl_ms) {
    const std::string ttl = std::to_string(*wish.ttl_ms);
    return held.apply(CommandId::pexpire, {"PEXPIRE", id, ttl});
  }
  if (wish.has_ttl) return held.apply(CommandId::persist, {"PERSIST", id});
  return std::nullopt;
}

// Merges into the stored JSON object. Nothing: it has none.
std::optional<std::string> merged(const Session& session, const Json& patch) {
  if (session.type() != ValueType::string) return std::nullopt;
  Json stored = parse_json(session.string());
  if (!stored.is_object()) return std::nullopt;
  stored.merge_patch(patch);
  return stored.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Async<http::Response> get_session(Process& self, OperationPtr operation, const Address& address,
                                  const http::Request& request) {
  // Nobody there: no process has to be started to find that out.
  if (!operation->server.house.sessions.find(address.key)) co_return error(404, "no such session");
  HeldSession held{self, *operation, address};
  const bool is_held = co_await held.hold();
  if (!is_held) co_return error(503, "the session cannot be reached now");
  if (!held.session().exists()) co_return error(404, "no such session");
  const auto known = request.fields.find("if-none-match");
  if (known && names(*known, etag_of(held.session()))) {
    http::Response response{.status = 304};
    response.fields.add("ETag", etag_of(held.session()));
    co_return response;
  }
  co_return response_of(200, describe(address, held.session(), held.now_ms()), held.session());
}

Async<http::Response> write_session(Process& self, OperationPtr operation, const Address& address,
                                    const http::Request& request) {
  auto wish = parse_wish(request);
  if (!wish) co_return error(400, wish.error());
  const bool is_patch = request.method == "PATCH";
  if (!is_patch && !wish->text && !wish->fields) co_return error(400, "no data, value or fields");
  const bool has_room = co_await greenroom::has_room(self, ServerPtr{&operation->server});
  if (!has_room) co_return error(507, "there is no memory for more");
  HeldSession held{self, *operation, address};
  const bool is_held = co_await held.hold();
  if (!is_held) co_return error(503, "the session cannot be reached now");
  if (held.is_dead()) {
    // Clients of Redis are told that it is stored, because they know no other answer; here is one.
    operation->server.house.counters.dead_writes.fetch_add(1, std::memory_order_relaxed);
    co_return co_await held.refuse(error(410, "this session has ended; the write is not stored"));
  }
  if (!preconditions_hold(request, held.session())) {
    http::Response refusal = error(412, "the session is another one by now");
    if (held.session().exists()) refusal.fields.add("ETag", etag_of(held.session()));
    co_return co_await held.refuse(std::move(refusal));
  }
  const bool is_new = !held.session().exists();
  if (is_patch && is_new) co_return co_await held.refuse(error(404, "no such session"));
  if (is_patch && wish->text) {
    wish->text = wish->patch ? merged(held.session(), *wish->patch) : std::nullopt;
    if (!wish->text) {
      co_return co_await held.refuse(error(409, "the session's value is no JSON object"));
    }
  }
  if (auto failure = put(held, *wish)) co_return error(400, *failure);
  const Json json = describe(address, held.session(), held.now_ms());
  http::Response response = response_of(is_new ? 201 : 200, json, held.session());
  auto failure = co_await held.commit();
  if (failure) co_return error(503, *failure);
  co_return response;
}

Async<http::Response> delete_session(Process& self, OperationPtr operation, const Address& address,
                                     const http::Exchange& exchange) {
  // Also one that is without a value by now may have a process, which stores that it has gone.
  if (!operation->server.house.find(address.key)) co_return error(404, "no such session");
  HeldSession held{self, *operation, address};
  const bool is_held = co_await held.hold();
  if (!is_held) co_return error(503, "the session cannot be reached now");
  if (!held.session().exists()) co_return co_await held.refuse(error(404, "no such session"));
  if (!preconditions_hold(exchange.request(), held.session())) {
    co_return co_await held.refuse(error(412, "the session is another one by now"));
  }
  (void)held.apply(CommandId::del, {"DEL", address.id});
  auto failure = co_await held.commit();
  if (failure) co_return error(503, *failure);
  operation->audit.write(
      {.act = "delete", .who = "api", .from = exchange.peer().host, .id = address.id});
  co_return http::Response{.status = 204};
}

Async<http::Response> list_sessions(Process& self, OperationPtr operation,
                                    const http::Request& request) {
  const auto database = database_parameter(request);
  const auto cursor = number_of(request.query("cursor").value_or("0"));
  const auto limit = number_of(request.query("limit").value_or("100"));
  if (!database || !cursor || !limit || *limit == 0)
    co_return error(400, "db, cursor and limit are numbers");
  const std::string pattern = request.query("match").value_or("*");
  Json ids = Json::array();
  std::uint64_t at = *cursor;
  const std::size_t wanted = std::min<std::size_t>(*limit, max_listed);
  // As long as little is found, but not for ever: a page looks at a bounded number of keys.
  for (int steps = 0; steps < 100 && ids.size() < wanted; ++steps) {
    at = operation->server.house.sessions.scan(at, wanted, [&](std::string_view stored, Pid) {
      if (greenroom::database_of(stored) == *database && glob_match(pattern, key_in(stored))) {
        ids.push_back(key_in(stored));
      }
    });
    if (at == 0) break;
    co_await self.yield();
  }
  const Json json{{"ids", std::move(ids)}, {"cursor", std::to_string(at)}};
  co_return http::Response::json(200, json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

http::Response tell_stats(Process& self, const Operation& operation) {
  const ServerFacts facts = gather_facts(self, operation.server);
  std::uint64_t keys = 0;
  for (const DatabaseFacts& database : facts.databases) keys += database.keys;
  Json popular = Json::array();
  for (const PopularSession& session : facts.popular) {
    popular.push_back(
        Json{{"hash", session.hash}, {"db", session.database}, {"reads", session.reads}});
  }
  const Json json{{"version", facts.greenroom_version},
                  {"uptime_ms", facts.now_ms - facts.started_at_ms},
                  {"sessions", keys},
                  {"connections", facts.connected_clients},
                  {"commands", facts.commands_processed},
                  {"hits", facts.key_hits},
                  {"misses", facts.key_misses},
                  {"created", facts.sessions_created},
                  {"deleted", facts.sessions_deleted},
                  {"expired", facts.keys_expired},
                  {"evicted", facts.sessions_evicted},
                  {"revoked", facts.sessions_revoked},
                  {"dead_writes", facts.dead_writes},
                  {"commands_per_second", facts.commands_per_second},
                  {"popular", std::move(popular)},
                  {"memory_bytes", facts.used_memory_bytes},
                  {"processes", facts.processes}};
  return http::Response::json(200, json.dump());
}

}  // namespace

void add_sessions_api(http::Router& router, OperationPtr operation) {
  router.on("GET", "/v1/sessions",
            [operation](Process& self, http::Exchange& exchange) -> Async<http::Response> {
              if (auto refusal = refuse_api(self, *operation, exchange)) co_return *refusal;
              co_return co_await list_sessions(self, operation, exchange.request());
            });
  router.on("GET", "/v1/stats",
            [operation](Process& self, http::Exchange& exchange) -> Async<http::Response> {
              if (auto refusal = refuse_api(self, *operation, exchange)) co_return *refusal;
              co_return tell_stats(self, *operation);
            });
  const auto on_session = [operation](Process& self,
                                      http::Exchange& exchange) -> Async<http::Response> {
    if (auto refusal = refuse_api(self, *operation, exchange)) co_return *refusal;
    const auto address = address_of(exchange);
    if (!address) co_return error(400, "db is a number from 0 to 15");
    const http::Request& request = exchange.request();
    if (request.method == "GET" || request.method == "HEAD") {
      co_return co_await get_session(self, operation, *address, request);
    }
    if (request.method == "DELETE") {
      co_return co_await delete_session(self, operation, *address, exchange);
    }
    co_return co_await write_session(self, operation, *address, request);
  };
  for (const char* method : {"GET", "PUT", "PATCH", "DELETE"}) {
    router.on(method, "/v1/sessions/{id}", on_session);
  }
}

}  // namespace greenroom
