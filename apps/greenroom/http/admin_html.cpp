// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "http/admin_html.hpp"

#include <algorithm>

#include <troupe/http.hpp>

#include "text/units.hpp"

namespace greenroom {

using troupe::http::escape_html;

namespace {

std::string page(std::string_view title, std::string_view body) {
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
         "<title>" +
         std::string{title} +
         "</title><link rel=\"stylesheet\" href=\"/admin/style.css\"></head><body>" +
         std::string{body} + "</body></html>\n";
}

// 1234567 as "1,234,567".
std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

std::string tile(std::string_view name, std::string_view value, std::string_view note = {}) {
  std::string html =
      "<div class=\"tile\"><dt>" + std::string{name} + "</dt><dd>" + escape_html(value) + "</dd>";
  if (!note.empty()) html += "<p>" + escape_html(note) + "</p>";
  return html + "</div>";
}

std::string hidden(std::string_view name, std::string_view value) {
  return "<input type=\"hidden\" name=\"" + std::string{name} + "\" value=\"" + escape_html(value) +
         "\">";
}

std::string percent(std::uint64_t part, std::uint64_t rest) {
  if (part + rest == 0) return "no reads yet";
  return std::to_string(100 * part / (part + rest)) + " % of reads found their session";
}

std::string memory_note(const ServerFacts& facts) {
  if (facts.max_memory_bytes == 0) {
    return "peak " + bytes_text(std::max(facts.peak_memory_bytes, facts.used_memory_bytes));
  }
  return "sessions take " + bytes_text(facts.dataset_bytes) + " of " +
         bytes_text(facts.max_memory_bytes);
}

std::string popular(const ServerFacts& facts) {
  if (facts.popular.empty()) return {};
  std::string html =
      "<section><h2>Read most, lately</h2><table><thead><tr><th>Session</th><th>DB</th>"
      "<th>Reads, about</th></tr></thead><tbody>";
  for (const PopularSession& session : facts.popular) {
    html += "<tr><td><code>" + escape_html(session.hash) + "</code></td><td>" +
            std::to_string(session.database) + "</td><td>" + grouped(session.reads) + "</td></tr>";
  }
  return html + "</tbody></table></section>";
}

std::string tiles(const AdminView& view) {
  const ServerFacts& facts = view.facts;
  std::uint64_t keys = 0;
  std::uint64_t expiring = 0;
  for (const DatabaseFacts& database : facts.databases) {
    keys += database.keys;
    expiring += database.keys_with_expiry;
  }
  const auto uptime = std::chrono::milliseconds{facts.now_ms - facts.started_at_ms};
  return "<dl class=\"tiles\">" +
         tile("Sessions", grouped(keys), grouped(expiring) + " of them expire") +
         tile("Clients", grouped(facts.connected_clients),
              "of at most " + grouped(facts.max_clients)) +
         tile("Commands", grouped(facts.commands_processed),
              grouped(facts.error_replies) + " answered with an error") +
         tile("Reads", grouped(facts.key_hits + facts.key_misses),
              percent(facts.key_hits, facts.key_misses)) +
         tile("Created", grouped(facts.sessions_created),
              std::to_string(facts.commands_per_second) + " commands a second") +
         tile("Ended", grouped(facts.sessions_deleted + facts.keys_expired),
              grouped(facts.keys_expired) + " expired, " + grouped(facts.sessions_revoked) +
                  " revoked, " + grouped(facts.sessions_evicted) + " for memory") +
         tile("Memory", bytes_text(facts.used_memory_bytes), memory_note(facts)) +
         tile("Up for", duration_text(uptime), "durability " + view.durability) +
         tile("Processes", grouped(facts.processes), "one per session and client") + "</dl>";
}

std::string size_text(const FoundRow& row) {
  if (row.type == "string") return bytes_text(static_cast<std::uint64_t>(row.size));
  return std::to_string(row.size) + (row.type == "hash" ? " fields" : " members");
}

std::string time_left_text(std::int64_t ttl_ms) {
  if (ttl_ms < 0) return "never";
  // A Duration cannot tell three of them.
  constexpr std::int64_t century_ms = 100ll * 366 * 86'400'000;
  if (ttl_ms > century_ms) return "over 100 years";
  return duration_text(std::chrono::milliseconds{ttl_ms});
}

std::string rows_html(const AdminView& view) {
  std::string html =
      "<table><thead><tr><th>Session</th><th>DB</th><th>Type</th><th>Size</th><th>Expires in</th>"
      "<th>Last used</th><th></th></tr></thead><tbody>";
  for (std::size_t i = 0; i < view.rows.size(); ++i) {
    const FoundRow& row = view.rows[i];
    html += "<tr><td><code>" + escape_html(row.hash) + "</code></td><td>" +
            std::to_string(row.database) + "</td><td>" + escape_html(row.type) + "</td><td>" +
            size_text(row) + "</td><td>" + time_left_text(row.ttl_ms) + "</td><td>" +
            (row.idle_s == 0 ? "now" : duration_text(std::chrono::seconds{row.idle_s}) + " ago") +
            "</td><td><form method=\"post\" action=\"/admin/revoke\">" + hidden("csrf", view.csrf) +
            hidden("number", std::to_string(i)) +
            "<button class=\"danger\">Revoke</button></form></td></tr>";
  }
  return html + "</tbody></table>";
}

std::string found(const AdminView& view) {
  if (!view.has_searched) return {};
  if (view.rows.empty()) return "<p class=\"none\">No session fits.</p>";
  std::string html = rows_html(view);
  if (view.has_more) html += "<p class=\"none\">There are more; search more precisely.</p>";
  return html;
}

}  // namespace

std::string login_html(std::string_view problem) {
  std::string body =
      "<main class=\"login\"><h1>Greenroom</h1><form method=\"post\" action=\"/admin/login\">"
      "<label for=\"password\">Admin password</label>"
      "<input id=\"password\" name=\"password\" type=\"password\" autofocus "
      "autocomplete=\"current-password\" required><button>Log in</button></form>";
  if (!problem.empty())
    body += "<p class=\"problem\" role=\"alert\">" + escape_html(problem) + "</p>";
  return page("Greenroom: log in", body + "</main>");
}

std::string admin_html(const AdminView& view) {
  std::string body = "<header><h1>Greenroom</h1><span>" +
                     escape_html(view.facts.greenroom_version) +
                     "</span><form method=\"post\" action=\"/admin/logout\">" +
                     hidden("csrf", view.csrf) + "<button>Log out</button></form></header><main>";
  if (!view.notice.empty()) {
    body += "<p class=\"notice\" role=\"status\">" + escape_html(view.notice) + "</p>";
  }
  body += tiles(view);
  body +=
      "<section><h2>Sessions</h2><form class=\"search\" method=\"post\" action=\"/admin/search\">" +
      hidden("csrf", view.csrf) +
      "<label for=\"id\">Id or pattern</label><input id=\"id\" name=\"id\" "
      "placeholder=\"sess:*\" autocomplete=\"off\" required>"
      "<label for=\"db\">Database</label><input id=\"db\" name=\"db\" type=\"number\" min=\"0\" "
      "max=\"15\" value=\"0\"><button>Search</button></form>"
      "<p class=\"hint\">Ids are never shown: whoever has one can be the user. A session is "
      "called by the same hash here and in the logs.</p>" +
      found(view) + "</section>" + popular(view.facts) + "</main>";
  return page("Greenroom", body);
}

std::string_view admin_css() {
  return R"(:root{color-scheme:light dark;--ink:#1c2421;--soft:#5d6b65;--line:#d9e0dc;--back:#f6f8f7;
--card:#fff;--green:#1f6f4a;--red:#a32a2a}
@media(prefers-color-scheme:dark){:root{--ink:#e6ece9;--soft:#9aa8a1;--line:#2e3a35;--back:#141a17;
--card:#1c2420;--green:#5fc08f;--red:#e57373}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
header{display:flex;align-items:baseline;gap:.75rem;padding:1rem 2rem;background:var(--card);
border-bottom:1px solid var(--line)}
header h1{margin:0;font-size:1.25rem;color:var(--green)}
header span{color:var(--soft);flex:1}
main{max-width:72rem;margin:0 auto;padding:1.5rem 2rem}
main.login{max-width:22rem;margin-top:15vh;background:var(--card);border:1px solid var(--line);
border-radius:.5rem}
main.login h1{color:var(--green);margin-top:0}
main.login form{display:grid;gap:.5rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));gap:1rem;margin:0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.9rem 1rem}
.tile dt{color:var(--soft)}
.tile dd{margin:0;font-size:1.6rem;font-variant-numeric:tabular-nums}
.tile p{margin:0;color:var(--soft);font-size:.85rem}
h2{margin:2rem 0 .75rem;font-size:1.1rem}
.search{display:flex;flex-wrap:wrap;align-items:center;gap:.6rem}
.search #id{flex:1;min-width:14rem}
.search #db{width:4.5rem}
.hint,.none{color:var(--soft);font-size:.9rem}
input,button{font:inherit;color:inherit;padding:.4rem .7rem;border:1px solid var(--line);
border-radius:.35rem;background:var(--card)}
button{cursor:pointer;border-color:var(--green);color:var(--green)}
button.danger{border-color:var(--red);color:var(--red);padding:.15rem .6rem}
input:focus-visible,button:focus-visible{outline:2px solid var(--green);outline-offset:1px}
table{width:100%;border-collapse:collapse;margin-top:1rem;background:var(--card)}
th,td{text-align:left;padding:.45rem .7rem;border-bottom:1px solid var(--line)}
th{color:var(--soft);font-weight:500}
td{font-variant-numeric:tabular-nums}
td form{margin:0;text-align:right}
.notice,.problem{padding:.6rem .9rem;border-radius:.35rem;border:1px solid var(--green)}
.problem{border-color:var(--red);color:var(--red)}
)";
}

}  // namespace greenroom
