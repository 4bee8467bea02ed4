// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "http/http_port.hpp"

#include "http/admin_access.hpp"
#include "http/admin_page.hpp"
#include "http/events_api.hpp"
#include "http/metrics.hpp"
#include "http/sessions_api.hpp"
#include "http/snapshots_api.hpp"

namespace greenroom {

using namespace troupe;

namespace {

void add_health(http::Router& router, OperationPtr operation) {
  // Alive is who answers: a probe that fails here should have the program restarted.
  router.on("GET", "/healthz",
            [](const http::Exchange&) { return http::Response::text(200, "ok\n"); });
  router.on("GET", "/readyz", [operation](const http::Exchange&) {
    const std::string reason = unready_reason(*operation);
    return reason.empty() ? http::Response::text(200, "ready\n")
                          : http::Response::text(503, reason + "\n");
  });
  router.on("GET", "/metrics",
            [operation](Process& self, http::Exchange&) -> Async<http::Response> {
              http::Response response;
              response.fields.add("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
              response.body = metrics_text(self, *operation);
              co_return response;
            });
}

}  // namespace

std::string unready_reason(const Operation& operation) {
  if (operation.server.is_draining) return "the server is ending";
  if (!operation.is_loaded) return "the stored sessions are still being read";
  for (const Name& writer : operation.server.house.writers) {
    if (!whereis(writer.atom.text())) return "a storage writer is not running";
  }
  return {};
}

Async<std::expected<Pid, ExitReason>> start_http_port(Process& supervisor, OperationPtr operation) {
  const Config config = operation->config();
  http::Router router;
  add_health(router, operation);
  router.admit([operation](Process& self, const http::Exchange& exchange) {
    return admit(self, *operation, exchange);
  });
  if (!config.http.admin_password.empty()) {
    add_sessions_api(router, operation);
    add_events_api(router, operation);
    add_snapshots_api(router, operation);
    add_admin_page(router, operation);
  }
  http::ServerOptions options;
  // After a restart the port of before, also where the system chose it.
  const std::uint16_t before = operation->http_port;
  const auto port = before != 0 ? before : static_cast<std::uint16_t>(config.http.port);
  options.listen = {config.http.bind, port};
  options.max_body_bytes = config.serve.max_value_bytes;
  if (config.http.with_tls) {
    auto tls =
        net::TlsContext::server({config.tls.certificate, config.tls.key, config.tls.client_ca});
    if (!tls) co_return std::unexpected(ExitReason{Term::binary("HTTP: " + tls.error().text)});
    options.tls = std::move(*tls);
  }
  auto server = co_await http::start_link(supervisor, std::move(options), router);
  if (server) {
    operation->set_http_server(*server);
    operation->http_port = co_await http::listening_port(supervisor, *server);
  }
  co_return server;
}

}  // namespace greenroom
