// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// What a connection answers by itself: logging in, protocol versions, CLIENT, COMMAND, INFO,
// CONFIG. As transcripts; the words are compared with a real Redis in redis_differential_test.cpp.
#include <algorithm>

#include "greenroom/reply_frames.hpp"
#include "greenroom/transcript.hpp"
#include "resp/connection_state.hpp"
#include "resp/server_facts.hpp"

namespace greenroom::test {
namespace {

TEST(Connection, speaks_resp3_from_hello_on) {
  expect_transcript(R"(
    > GET none
    $-1
    > hello 3
    %7
    $6
    server
    $5
    redis
    $7
    version
    $5
    7.2.5
    $5
    proto
    :3
    $2
    id
    :1
    $4
    mode
    $10
    standalone
    $4
    role
    $6
    master
    $7
    modules
    *0
    > GET none
    _
    > HELLO 4
    -NOPROTO unsupported protocol version
    > GET none
    _
    > RESET
    +RESET
    > GET none
    $-1
  )");
}

TEST(Connection, before_auth_only_auth_hello_quit_and_reset_are_served) {
  LocalServer server{"secret"};
  for (const CommandSpec& command : all_commands()) {
    if (command.handler == Handler::container || command.id == CommandId::script_run) continue;
    LocalConnection connection{server};
    std::vector<std::string> words{std::string(command.name.substr(0, command.name.find('|')))};
    if (command.parent != CommandId::none)
      words.emplace_back(command.name.substr(command.name.find('|') + 1));
    while (!command.accepts(words.size())) words.emplace_back("1");
    std::string reply = connection.send(request(words));
    bool is_open = command.id == CommandId::auth || command.id == CommandId::hello ||
                   command.id == CommandId::quit || command.id == CommandId::reset;
    EXPECT_EQ(reply.ends_with("NOAUTH Authentication required.\r\n"), !is_open)
        << command.name << reply;
  }
}

TEST(Connection, a_whole_handshake_may_come_before_the_first_reply) {
  LocalServer server{"secret"};
  LocalConnection connection{server};
  std::string replies = connection.send(
      request({"HELLO", "3", "AUTH", "default", "secret"}) + request({"SELECT", "3"}) +
      request({"CLIENT", "SETINFO", "LIB-VER", "6.3.0"}) +
      request({"CLIENT", "SETINFO", "LIB-NAME", "node-redis"}) +
      request({"CLIENT", "MAINT_NOTIFICATIONS", "ON", "moving-endpoint-type", "external-ip"}) +
      request({"GET", "sess:1"}));
  auto split = split_replies(replies);
  ASSERT_TRUE(split.has_value());
  ASSERT_EQ(split->size(), 6u);
  EXPECT_TRUE((*split)[0].starts_with("%7\r\n"));
  EXPECT_EQ((*split)[1], "+OK\r\n");
  EXPECT_EQ((*split)[2], "+OK\r\n");
  EXPECT_EQ((*split)[3], "+OK\r\n");
  EXPECT_EQ((*split)[4], "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.\r\n");
  EXPECT_EQ((*split)[5], "_\r\n");
  EXPECT_EQ(connection.state().database(), 3);
  EXPECT_EQ(connection.state().facts().library, "node-redis");
  EXPECT_EQ(connection.state().facts().library_version, "6.3.0");
}

TEST(Connection, a_failing_auth_in_a_pipeline_gets_its_reply) {
  LocalServer server{"secret"};
  expect_transcript(server, R"(
    > AUTH wrong
    -WRONGPASS invalid username-password pair or user is disabled.
    > GET a
    -NOAUTH Authentication required.
    > AUTH secret
    +OK
    > AUTH wrong
    -WRONGPASS invalid username-password pair or user is disabled.
    # The failure takes nothing away.
    > GET a
    $-1
  )");
}

TEST(Connection, reset_puts_everything_back) {
  LocalServer server{"secret"};
  LocalConnection connection{server};
  connection.send("HELLO 3 AUTH default secret SETNAME me\r\nSELECT 2\r\nCLIENT NO-TOUCH on\r\n");
  EXPECT_EQ(connection.state().facts().name, "me");
  EXPECT_EQ(connection.send("RESET\r\n"), "+RESET\r\n");
  EXPECT_FALSE(connection.state().is_authenticated());
  EXPECT_EQ(connection.state().version(), RespVersion::resp2);
  EXPECT_EQ(connection.state().database(), 0);
  EXPECT_EQ(connection.state().facts().name, "");
  EXPECT_FALSE(connection.state().is_no_touch());
}

TEST(Connection, databases_do_not_see_each_other) {
  expect_transcript(R"(
    > SET a zero
    +OK
    > SELECT 15
    +OK
    > GET a
    $-1
    > SELECT 16
    -ERR DB index is out of range
    > SET a fifteen
    +OK
    > FLUSHDB
    +OK
    > DBSIZE
    :0
    > SELECT 0
    +OK
    > DBSIZE
    :1
    > FLUSHALL ASYNC
    +OK
    > DBSIZE
    :0
  )");
}

TEST(Connection, quit_answers_and_closes) {
  expect_transcript("> QUIT\n+OK\n(closed)\n");
  LocalServer server;
  LocalConnection connection{server};
  EXPECT_EQ(connection.send("QUIT\r\nSET a 1\r\n"), "+OK\r\n");
  EXPECT_TRUE(server.sessions.empty());
}

TEST(Connection, an_http_request_is_dropped_without_a_word) {
  LocalServer server;
  LocalConnection connection{server};
  EXPECT_EQ(connection.send("POST / HTTP/1.1\r\nSET a 1\r\n"), "");
  EXPECT_TRUE(connection.is_closed());
  EXPECT_TRUE(server.sessions.empty());
}

TEST(Connection, a_key_that_is_too_long_is_refused_wherever_it_stands) {
  LocalServer server;
  LocalConnection connection{server};
  const std::string longest(65'534, 'k');
  const std::string refusal = "-ERR a key has at most 65534 bytes\r\n";
  EXPECT_EQ(connection.send(request({"SET", longest, "v"})), "+OK\r\n");
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"SET", longest + "k", "v"},
           {"GET", longest + "k"},
           {"MSET", "a", "1", longest + "k", "2"},
           {"RENAME", longest, longest + "k"},
           {"OBJECT", "ENCODING", longest + "k"},
           {"SESS.CREATE", longest, "v"},
           {"EVAL", "return redis.call('incrby',KEYS[1],ARGV[1])", "1", longest + "k", "1"}}) {
    EXPECT_EQ(connection.send(request(words)), refusal) << words[0];
  }
  // A value may be longer.
  EXPECT_EQ(connection.send(request({"SET", "a", longest + "k"})), "+OK\r\n");
  EXPECT_EQ(server.sessions.size(), 2u);
}

TEST(Connection, replies_can_be_switched_off_while_commands_work) {
  LocalServer server;
  LocalConnection connection{server};
  EXPECT_EQ(
      connection.send("CLIENT REPLY OFF\r\nSET a 1\r\nNOSUCH\r\nMGET a b\r\nINFO\r\nDBSIZE\r\n"
                      "CLIENT LIST\r\nPING\r\nCLIENT REPLY ON\r\nGET a\r\n"),
      "+OK\r\n$1\r\n1\r\n");
  EXPECT_EQ(connection.send("CLIENT REPLY SKIP\r\nGET a\r\nPING\r\n"), "+PONG\r\n");
}

TEST(Connection, client_commands_describe_the_connection) {
  LocalServer server;
  LocalConnection connection{server};
  connection.send("CLIENT SETNAME me\r\nCLIENT SETINFO lib-name ioredis\r\n");
  server.now_ms += 5'000;
  std::string line = connection.send("CLIENT INFO\r\n");
  for (std::string_view part :
       {"id=1 ", "addr=127.0.0.1:50000 ", " name=me ", " age=5 ", " idle=0 ", " db=0 ",
        " cmd=client|info ", " user=default ", " resp=2 ", " lib-name=ioredis ", " lib-ver=\n"})
    EXPECT_NE(line.find(part), std::string::npos) << part << " in " << line;
  EXPECT_EQ(connection.send("CLIENT ID\r\n"), ":1\r\n");
  connection.send("HELLO 3\r\n");
  EXPECT_TRUE(connection.send("CLIENT LIST\r\n").starts_with("="));
  EXPECT_EQ(connection.send("CLIENT SETINFO lib-name \"a b\"\r\n"),
            "-ERR lib-name cannot contain spaces, newlines or special characters.\r\n");
  EXPECT_EQ(connection.send("CLIENT SETINFO lib-foo a\r\n"),
            "-ERR Unrecognized option 'lib-foo'\r\n");
}

TEST(Connection, client_list_selects_by_id_and_type) {
  std::vector<ClientFacts> clients{{.id = 1, .address = "a:1"}, {.id = 2, .address = "b:2"}};
  auto listed = [&](std::vector<std::string_view> words) {
    const ServerRules rules;
    std::string out;
    ReplyWriter reply{out, RespVersion::resp2};
    answer_connections(command_spec(CommandId::client_list), words,
                       ClientsAsked{clients, rules, 1, 0}, reply);
    return std::ranges::count(out, '\n') - 2;  // Without those around the bulk string.
  };
  EXPECT_EQ(listed({"CLIENT", "LIST"}), 2);
  EXPECT_EQ(listed({"CLIENT", "LIST", "ID", "2", "7"}), 1);
  EXPECT_EQ(listed({"CLIENT", "LIST", "TYPE", "normal"}), 2);
  EXPECT_EQ(listed({"CLIENT", "LIST", "TYPE", "pubsub"}), 0);
}

TEST(Connection, client_kill_names_the_connections_to_close) {
  std::vector<ClientFacts> clients{
      {.id = 1, .address = "a:1"}, {.id = 2, .address = "b:2"}, {.id = 3, .address = "c:3"}};
  clients[2].user = "app";
  ServerRules rules;
  rules.users.emplace_back().name = "app";
  rules.users.emplace_back().name = "away";
  auto killed = [&](std::vector<std::string_view> words) {
    std::string out;
    ReplyWriter reply{out, RespVersion::resp2};
    return answer_connections(command_spec(CommandId::client_kill), words,
                              ClientsAsked{clients, rules, 1, 0}, reply);
  };
  using Ids = std::vector<std::uint64_t>;
  EXPECT_EQ(killed({"CLIENT", "KILL", "b:2"}), Ids{2});
  EXPECT_EQ(killed({"CLIENT", "KILL", "a:1"}), Ids{1}) << "the old form spares nobody";
  EXPECT_EQ(killed({"CLIENT", "KILL", "USER", "app"}), Ids{3});
  EXPECT_EQ(killed({"CLIENT", "KILL", "USER", "away"}), Ids{});
  EXPECT_EQ(killed({"CLIENT", "KILL", "ID", "1"}), Ids{});
  EXPECT_EQ(killed({"CLIENT", "KILL", "ID", "1", "SKIPME", "no"}), Ids{1});
  EXPECT_EQ(killed({"CLIENT", "KILL", "TYPE", "normal"}), (Ids{2, 3}));
  EXPECT_EQ(killed({"CLIENT", "KILL", "TYPE", "normal", "ADDR", "c:3"}), Ids{3});
  EXPECT_EQ(killed({"CLIENT", "KILL", "TYPE", "pubsub"}), Ids{});
  EXPECT_EQ(killed({"CLIENT", "KILL", "USER", "default"}), Ids{2});
}

TEST(Connection, command_docs_and_info_are_well_formed_in_both_versions) {
  for (const char* version : {"2", "3"}) {
    LocalServer server;
    LocalConnection connection{server};
    connection.send(request({"HELLO", version}));
    for (std::string_view line :
         {"COMMAND", "COMMAND INFO", "COMMAND DOCS", "COMMAND LIST", "COMMAND HELP",
          "COMMAND INFO get client|id nosuch", "COMMAND DOCS set client", "CLIENT HELP",
          "CONFIG HELP", "OBJECT HELP", "INFO", "CONFIG GET *"}) {
      std::string reply = connection.send(std::string(line) + "\r\n");
      auto split = split_replies(reply);
      ASSERT_TRUE(split.has_value()) << line << "\n" << reply;
      EXPECT_EQ(split->size(), 1u) << line;
    }
  }
}

TEST(Info, has_what_clients_look_for) {
  ServerFacts facts;
  facts.blocked_clients = 2;
  facts.databases[3] = {.keys = 7, .keys_with_expiry = 5, .average_ttl_ms = 1000};
  facts.now_ms = 90'000;
  std::string text = info_text(facts, {});
  for (std::string_view line :
       {"redis_version:7.2.5\r\n", "greenroom_version:0.1.0\r\n", "redis_mode:standalone\r\n",
        "role:master\r\n", "loading:0\r\n", "cluster_enabled:0\r\n", "uptime_in_seconds:90\r\n",
        "blocked_clients:2\r\n", "db3:keys=7,expires=5,avg_ttl=1000\r\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line;
  EXPECT_TRUE(text.starts_with("# Server\r\n"));
  EXPECT_NE(text.find("\r\n\r\n# Clients\r\n"), std::string::npos);
  EXPECT_EQ(info_text(facts, std::vector<std::string_view>{"all"}), text);
  EXPECT_EQ(info_text(facts, std::vector<std::string_view>{"CLUSTER"}),
            "# Cluster\r\ncluster_enabled:0\r\n");
  EXPECT_EQ(info_text(facts, std::vector<std::string_view>{"nosuch"}), "");
}

TEST(Info, the_doctor_knows_how_far_the_limit_of_memory_is) {
  const auto doctor = [](const ServerFacts& facts) {
    std::string out;
    ReplyWriter reply{out, RespVersion::resp2};
    const std::vector<std::string_view> words{"MEMORY", "DOCTOR"};
    answer_server(command_spec(CommandId::memory_doctor), words, facts, reply);
    return out;
  };
  ServerFacts facts;
  facts.dataset_bytes = 512;
  EXPECT_NE(doctor(facts).find("about 512B, and no limit is set"), std::string::npos);
  facts.max_memory_bytes = 1024;
  EXPECT_NE(doctor(facts).find("50 % of max_memory.\n"), std::string::npos) << doctor(facts);
  facts.dataset_bytes = 1000;
  EXPECT_NE(doctor(facts).find("97 % of max_memory: anonymous"), std::string::npos);
}

TEST(Config, get_matches_patterns_and_set_is_refused) {
  expect_transcript(R"(
    > CONFIG GET save
    *2
    $4
    save
    $0
    > CONFIG GET S* append* save
    *4
    $4
    save
    $0
    $10
    appendonly
    $2
    no
    > CONFIG SET save 1
    -ERR CONFIG SET failed (possibly related to argument 'save') - can't set immutable config
    > CONFIG SET "nosuch\x00behind" 1
    -ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'
    > CONFIG SET nosuch 1
    -ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'
    > CONFIG RESETSTAT
    +OK
  )");
}

}  // namespace
}  // namespace greenroom::test
