// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The connection itself, protocol errors, and what COMMAND tells, against a real redis-server.
#include "greenroom/redis_differential.hpp"

namespace greenroom::test {
namespace {

TEST_F(RedisDifferential, connection_commands_answer_and_fail_as_in_redis) {
  compare(lines({
      "PING",
      "PING hello",
      "PING a b",
      "ECHO",
      "ECHO x",
      "ECHO a b",
      "SELECT 1",
      "SET a 1",
      "SELECT 0",
      "EXISTS a",
      "SELECT 99",
      "SELECT -1",
      "SELECT x",
      "SELECT 99999999999",
      "SELECT",
      "AUTH x",
      "AUTH default x",
      "AUTH other x",
      "AUTH a b c",
      "AUTH",
      "HELLO x",
      "HELLO 4",
      "HELLO 1",
      "HELLO 3 FOO",
      "HELLO 2 AUTH a b",
      "HELLO 2 AUTH a",
      "HELLO 2 SETNAME",
      "HELLO 2 SETNAME \"a b\"",
      "CLIENT GETNAME",
      "CLIENT SETNAME me",
      "CLIENT GETNAME",
      "CLIENT SETNAME \"a b\"",
      "CLIENT SETNAME \"a\\n\"",
      "CLIENT SETNAME \"\"",
      "CLIENT GETNAME",
      "CLIENT",
      "CLIENT FOO",
      "CLIENT ID x",
      "CLIENT SETNAME",
      "CLIENT NO-EVICT on",
      "CLIENT NO-EVICT x",
      "CLIENT REPLY x",
      "CLIENT LIST x",
      "CLIENT LIST TYPE x",
      "CLIENT LIST TYPE master",
      "CLIENT LIST ID x",
      "CLIENT LIST ID 99999",
      "CLIENT KILL 1.1.1.1:1",
      "CLIENT KILL ID x",
      "CLIENT KILL ID 0",
      "CLIENT KILL ID 99999",
      "CLIENT KILL foo bar",
      "CLIENT KILL ID 1 SKIPME",
      "CLIENT KILL ID 99999 SKIPME x",
      "CLIENT KILL TYPE foo",
      "CLIENT KILL USER foo",
      "CLIENT KILL",
      "CLIENT REPLY SKIP",
      "PING",
      "PING",
      "CLIENT REPLY OFF",
      "PING",
      "FOO",
      "CLIENT REPLY SKIP",
      "GET a",
      "CLIENT REPLY ON",
      "CLIENT REPLY SKIP",
      "CLIENT REPLY SKIP",
      "PING",
      "PING",
      "CLIENT REPLY SKIP",
      "CLIENT REPLY ON",
      "CONFIG GET nosuch",
      "CONFIG GET",
      "CONFIG GET save",
      "CONFIG GET SA?E",
      "CONFIG SET nosuch 1",
      "CONFIG SET \"nosuch\\x00behind\" 1",
      "CLIENT LIST TYPE \"x\\x00behind\"",
      "CONFIG SET a",
      "CONFIG FOO",
      "CONFIG",
      "CLUSTER INFO",
      "CLUSTER NODES",
      "CLUSTER KEYSLOT a",
      "CLUSTER COUNTKEYSINSLOT 1",
      "CLUSTER LINKS",
      "CLUSTER HELP",
      "CLUSTER FOO",
      "READONLY",
      "READONLY x",
      "READWRITE",
      "ASKING",
      "SENTINEL MASTERS",
      "WAIT",
      "WAIT 0 0",
      "WAIT 0 100",
      "WAIT x y",
      "WAIT 1 y",
      "WAIT 1 -1",
      "MODULE LIST",
      "MODULE LIST x",
      "MODULE FOO",
      "ACL GENPASS 0",
      "ACL GENPASS 4097",
      "ACL GENPASS x",
      "ACL GENPASS 5 5",
      "ACL DRYRUN",
      "ACL DRYRUN default",
      "ACL DRYRUN default get k",
      "ACL DRYRUN default get",
      "ACL DRYRUN default client list",
      "ACL DRYRUN default client",
      "ACL DRYRUN default client foo",
      "ACL DRYRUN default nosuch k",
      "ACL DRYRUN nobody get k",
      "COMMAND FOO a b",
      "COMMAND COUNT 1",
      "COMMAND GETKEYS MSET a b c d",
      "COMMAND GETKEYS GET k",
      "COMMAND GETKEYS PING x",
      "COMMAND GETKEYS nosuch x",
      "COMMAND GETKEYS GET a b c",
      "COMMAND GETKEYS OBJECT ENCODING k",
      "COMMAND LIST FILTERBY FOO x",
      "COMMAND LIST FILTERBY PATTERN getd*",
      "COMMAND LIST FILTERBY PATTERN acl|drY*",
      "COMMAND LIST FILTERBY ACLCAT nosuch",
      "COMMAND LIST FILTERBY ACLCAT @connection",
      "COMMAND LIST x",
      "COMMAND INFO nosuch",
      "COMMAND DOCS nosuch",
      "INFO nosuch",
      "foo",
      "foo a b",
      "foo \"a\\r\\nb\" cc",
      "\"fo\\x00o\" \"a\\x00b\" cc",
      "\"\"",
      "\"\" \"\" x",
      "SCAN x",
      "SCAN 0 COUNT 0",
      "SCAN 0 COUNT x",
      "SCAN 0 FOO",
      "SCAN 0 FOO 1",
      "SCAN 0 TYPE nosuch",
      "SCAN 0 MATCH *",
      "SCAN",
      "FLUSHALL x",
      "FLUSHALL async x",
      "FLUSHALL async",
      "FLUSHDB sync",
      "DBSIZE x",
      "DBSIZE",
      "KEYS",
      "KEYS *",
      "RANDOMKEY",
      "SET a 1",
      "RANDOMKEY",
      "KEYS *",
      "DBSIZE",
      "SCAN 0",
      "RESET",
      "PING",
  }));
}

TEST_F(RedisDifferential, long_unknown_commands_are_cut_as_in_redis) {
  std::string long_word(300, 'w');
  compare({request({long_word}), request({long_word, long_word}),
           request({"foo", "a", long_word, "b"}), request({"foo", long_word, "b"}),
           request({"foo", std::string(120, 'x'), "abcdefgh", "b"}), request({"CLIENT", long_word}),
           request({"SET", "a", "1", long_word}), request({"EXPIRE", "a", "1", "long"}),
           request({"GET", "a", long_word})});
}

TEST_F(RedisDifferential, protocol_errors_have_the_words_of_redis) {
  for (std::string_view bytes : {
           "*1\r\nfoo\r\n",
           "*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n",
           "*3000000000\r\n",
           "*x\r\n",
           "*1\r\n$-10\r\n",
           "*1\r\n$2000000000\r\n",
           "*1\r\n$blabla\r\n",
           "*1\r\n$\r\n",
           "*\r\n",
           "*1\r\n$99999999999999999999\r\n",
           "*+1\r\n",
           "*01\r\n",
           "*1\r\n$+4\r\nPING\r\n",
           "set \"\"\"test-key\"\"\" test-value\r\n",
           "PING \"abc\r\n",
           "PING 'abc\r\n",
           "PING \"a\"b\r\n",
           "PING\r\n*1\r\n:4\r\n",
           "QUIT\r\nPING\r\n",
           "QUIT a b\r\n",
           "*-10\r\n*0\r\n\r\n  \r\nPING\r\nQUIT\r\n",
           "POST / HTTP/1.1\r\n",
           "Host: x\r\n",
           "*1\r\n$4\r\nQUIT\r\n",
           "GET 'it''s'\r\n",
           "HELLO 3\" \r\n",
       })
    compare_to_the_end(std::string(bytes));
  compare_to_the_end("PING " + std::string(100'000, 'x'));
}

TEST_F(RedisDifferential, inline_quoting_is_that_of_redis) {
  compare(lines({
      "ECHO \"a b\"",  "ECHO 'a b'",   "ECHO \"\\x41\\n\\r\\t\\b\\a\\q\\\\\\\"\"",
      "ECHO 'a\\'b'",  "ECHO 'a\\nb'", "ECHO \"\\xZZ\"",
      "ECHO \"\\x4\"", "ECHO   \t x",  "  ECHO x  ",
      "ECHO \"\"",     "ECHO ''",      "ECHO a\"b c\"",
      "ECHO a'b c'",   "\"ECHO\" x",   "ECHO \\x41",
      "ECHO \v\fx",    "ECHO \"'\"",   "ECHO '\"'",
      "ECHO \"\\\\\"",
  }));
}

TEST_F(RedisDifferential, command_info_tells_arity_flags_and_keys_as_redis_does) {
  for (const CommandSpec& command : all_commands()) {
    // Newer than the oracle's 7.0, as is an arity, or containers with fewer subcommands here.
    if (command.since >= "7.2" || command.handler == Handler::container ||
        command.id == CommandId::command || command.id == CommandId::command_getkeys)
      continue;
    std::string ask = request({"COMMAND", "INFO", command.name});
    std::string theirs = ask_redis(ask);
    LocalServer server;
    LocalConnection connection{server};
    std::string ours = connection.send(ask);
    // The part behind the categories, tips and key specifications, is told in less detail.
    std::string categories = ours.substr(0, ours.rfind('@'));
    categories = ours.substr(0, ours.find('\n', categories.size()) + 1);
    EXPECT_EQ(categories, theirs.substr(0, categories.size()));
  }
}

class RedisDifferentialWithPassword : public RedisDifferential {
 protected:
  void SetUp() override { begin({"--requirepass", "secret"}); }
};

TEST_F(RedisDifferentialWithPassword, strangers_get_the_answers_of_redis) {
  LocalServer server{"secret"};
  compare(lines({
              "PING",
              "GET a",
              "SET a",
              "FOO",
              "FOO a",
              "MULTI",
              "EXEC",
              "EXEC x",
              "CLIENT ID",
              "CLIENT FOO",
              "COMMAND COUNT",
              "SELECT 1",
              "ECHO x",
              "HELLO",
              "HELLO 3",
              "HELLO 4",
              "HELLO x",
              "HELLO 3 FOO",
              "HELLO 3 AUTH default wrong",
              "HELLO 3 AUTH other secret",
              "AUTH wrong",
              "AUTH default wrong",
              "AUTH other secret",
              "AUTH secre",
              "AUTH secrets",
              "AUTH \"\"",
              "AUTH",
              "AUTH a b c",
              "RESET",
              "PING",
              "AUTH secret",
              "PING",
              "AUTH wrong",
              "PING",
              "SET a 1",
              "RESET",
              "GET a",
              "AUTH default secret",
              "GET a",
              "HELLO 3 AUTH a b",
              "GET a",
              "RESET",
              "HELLO 4 AUTH default secret",
              "PING",
              "AUTH secret",
          }),
          server);
}

TEST_F(RedisDifferentialWithPassword, strangers_may_not_send_large_requests) {
  for (std::string_view bytes :
       {"*11\r\n", "*2\r\n$4\r\nAUTH\r\n$16385\r\n", "*10\r\n$20000000\r\n"}) {
    LocalServer server{"secret"};
    LocalConnection connection{server};
    EXPECT_EQ(connection.send(bytes), oracle_->exchange(bytes, "never sent"));
    EXPECT_TRUE(connection.is_closed());
  }
}

}  // namespace
}  // namespace greenroom::test
