// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "http/snapshots_api.hpp"

#include <filesystem>

#include "http/admin_access.hpp"
#include "operation/log_lines.hpp"
#include "operation/snapshot_keeper.hpp"
#include "persistence/snapshot_file.hpp"

namespace greenroom {

using namespace troupe;

namespace {

std::string name_of(const std::string& file) {
  return std::filesystem::path{file}.filename().string();
}

}  // namespace

void add_snapshots_api(http::Router& router, OperationPtr operation) {
  router.on("GET", "/v1/snapshots",
            [operation](Process& self, http::Exchange& exchange) -> Async<http::Response> {
              if (auto refusal = refuse_api(self, *operation, exchange)) co_return *refusal;
              const std::string directory = snapshot_directory(operation->config());
              const auto files =
                  co_await blocking(self, [directory] { return snapshots_in(directory); });
              std::string json = "{\"snapshots\":[";
              for (const std::string& file : files) {
                json += (json.ends_with('[') ? "" : ",") + json_string(name_of(file));
              }
              co_return http::Response::json(200, json + "]}");
            });
  router.on("POST", "/v1/snapshots",
            [operation](Process& self, http::Exchange& exchange) -> Async<http::Response> {
              if (auto refusal = refuse_api(self, *operation, exchange)) co_return *refusal;
              const SnapshotMade made = co_await make_snapshot(self);
              if (!made.error.empty()) {
                co_return http::Response::json(503, "{\"error\":" + json_string(made.error) + "}");
              }
              operation->audit.write({.act = "snapshot",
                                      .who = "api",
                                      .from = exchange.peer().host,
                                      .note = name_of(made.file)});
              co_return http::Response::json(
                  201, "{\"snapshot\":" + json_string(name_of(made.file)) +
                           ",\"sessions\":" + std::to_string(made.records) + "}");
            });
}

}  // namespace greenroom
