// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Who a connection is and what it may do, without processes: logins and who is told of them, rules
// for commands, keys and channels, ACL, CLIENT LIST.
#include "resp/login.hpp"

#include <gtest/gtest.h>

#include "greenroom/transcript.hpp"
#include "resp/acl.hpp"
#include "resp/connection_state.hpp"
#include "resp/sha1.hpp"
#include "security/digest.hpp"

namespace greenroom::test {
namespace {

User user(std::string name, std::vector<std::string> words) {
  auto access = AccessRules::parse(words);
  EXPECT_TRUE(access.has_value()) << access.error();
  return User{name, std::string{view_of(sha256(name + "-secret"))}, std::move(*access)};
}

class LoginTest : public testing::Test {
 protected:
  std::shared_ptr<ServerRules> rules(std::vector<User> users) {
    auto made = std::make_shared<ServerRules>();
    made->password = "main";
    made->users = std::move(users);
    made->backoff = std::make_shared<LoginBackoff>();
    made->on_login = [this](const LoginAttempt& attempt) {
      constexpr const char* outcomes[] = {"accepted", "refused", "must wait"};
      told.push_back(std::string{outcomes[static_cast<int>(attempt.outcome)]} + " " +
                     std::string{attempt.user} + " " + std::string{attempt.address});
    };
    return made;
  }
  static std::string refusal(const Login& login, std::vector<std::string_view> words) {
    const CommandSpec* command = find_command(words[0]);
    if (words.size() > 1 && command->handler == Handler::container)
      command = find_subcommand(*command, words[1]);
    return login.refusal_of(*command, words).value_or("");
  }

  std::vector<std::string> told;
};

TEST_F(LoginTest, every_attempt_is_told_and_a_name_that_nobody_has_is_not) {
  Login login{rules({user("app", {"+@all", "~*"})}), "10.0.0.9:4711"};
  EXPECT_FALSE(login.is_done());
  EXPECT_EQ(login.attempt("default", "main"), std::nullopt);
  EXPECT_TRUE(login.is_done());
  EXPECT_NE(login.attempt("app", "wrong"), std::nullopt);
  EXPECT_EQ(login.user_name(), "default") << "a failure takes nothing away";
  // People type passwords where names belong.
  EXPECT_NE(login.attempt("hunter2", "app"), std::nullopt);
  EXPECT_EQ(login.attempt("app", "app-secret"), std::nullopt);
  EXPECT_EQ(login.user_name(), "app");
  EXPECT_EQ(told, (std::vector<std::string>{"accepted default 10.0.0.9", "refused app 10.0.0.9",
                                            "refused  10.0.0.9", "accepted app 10.0.0.9"}));
}

TEST_F(LoginTest, whoever_has_to_wait_is_told_as_such_and_not_looked_at) {
  Login login{rules({}), "10.0.0.9:1"};
  for (unsigned i = 0; i <= LoginBackoff::free_attempts; ++i)
    (void)login.attempt("default", "guess");
  const auto refused = login.attempt("default", "main");
  ASSERT_TRUE(refused.has_value());
  EXPECT_TRUE(refused->starts_with("WRONGPASS too many wrong passwords")) << *refused;
  EXPECT_EQ(told.back(), "must wait default 10.0.0.9");
  EXPECT_FALSE(login.is_done());
}

TEST_F(LoginTest, where_nobody_has_to_log_in_nothing_is_told) {
  auto open = std::make_shared<ServerRules>();
  open->on_login = [this](const LoginAttempt&) { told.emplace_back("told"); };
  Login login{open, "10.0.0.9:1"};
  EXPECT_TRUE(login.is_done());
  EXPECT_EQ(login.attempt("default", "anything"), std::nullopt);
  EXPECT_TRUE(told.empty());
}

TEST_F(LoginTest, a_user_that_is_off_cannot_log_in) {
  Login login{rules({user("app", {"+@all", "off"}), user("on", {"off", "on"})}), "h:1"};
  EXPECT_EQ(login.attempt("app", "app-secret"),
            "WRONGPASS invalid username-password pair or user is disabled.");
  EXPECT_EQ(login.attempt("on", "on-secret"), std::nullopt);
}

TEST_F(LoginTest, commands_keys_and_channels_are_refused_in_redis_words) {
  Login login{rules({user("app", {"+@all", "-@dangerous", "~sess:*", "%R~config:*", "&news:*",
                                  "&__keyevent@0__:expired"})}),
              "h:1"};
  EXPECT_EQ(refusal(login, {"GET", "sess:1"}), "NOAUTH Authentication required.");
  EXPECT_EQ(login.attempt("app", "app-secret"), std::nullopt);
  EXPECT_EQ(refusal(login, {"GET", "sess:1"}), "");
  EXPECT_EQ(refusal(login, {"KEYS", "*"}),
            "NOPERM User app has no permissions to run the 'keys' command");
  EXPECT_EQ(refusal(login, {"CONFIG", "GET", "*"}),
            "NOPERM User app has no permissions to run the 'config|get' command");
  const std::string no_key = "NOPERM No permissions to access a key";
  EXPECT_EQ(refusal(login, {"GET", "other"}), no_key);
  EXPECT_EQ(refusal(login, {"GET", "config:a"}), "");
  EXPECT_EQ(refusal(login, {"SET", "config:a", "1"}), no_key);
  EXPECT_EQ(refusal(login, {"COPY", "config:a", "sess:a"}), no_key) << "it is a write to both";
  EXPECT_EQ(refusal(login, {"WATCH", "sess:1", "other"}), no_key);
  EXPECT_EQ(refusal(login, {"SESS.LOCK", "other"}), no_key);
  const std::string no_channel = "NOPERM No permissions to access a channel";
  EXPECT_EQ(refusal(login, {"SUBSCRIBE", "news:a", "__keyevent@0__:expired"}), "");
  EXPECT_EQ(refusal(login, {"SUBSCRIBE", "news:a", "__keyevent@0__:del"}), no_channel);
  EXPECT_EQ(refusal(login, {"PUBLISH", "other", "x"}), no_channel);
  // A pattern is allowed if it is one of those that are.
  EXPECT_EQ(refusal(login, {"PSUBSCRIBE", "news:*"}), "");
  EXPECT_EQ(refusal(login, {"PSUBSCRIBE", "news:a*"}), no_channel);
  EXPECT_EQ(refusal(login, {"UNSUBSCRIBE", "other"}), "");
  EXPECT_TRUE(login.may_use_key("sess:x", KeyUse::read_and_write));
  EXPECT_FALSE(login.may_use_key("config:x", KeyUse::write));
}

TEST_F(LoginTest, a_script_may_do_what_its_user_may_do) {
  ConnectionState state{rules({user("app", {"+@all", "-incrby", "~*"})}), 1, "10.0.0.9:1", "", 0};
  std::string out;
  const auto take = [&](std::vector<std::string_view> words) {
    out.clear();
    return state.take(words, 0, out).action;
  };
  EXPECT_EQ(take({"AUTH", "app", "app-secret"}), Verdict::Action::answered);
  EXPECT_EQ(out, "+OK\r\n");
  constexpr std::string_view add = "return redis.call('incrby',KEYS[1],ARGV[1])";
  constexpr std::string_view release =
      "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) else return 0 "
      "end";
  EXPECT_EQ(take({"EVAL", release, "1", "k", "me"}), Verdict::Action::ask_key);
  EXPECT_EQ(take({"EVAL", add, "1", "k", "2"}), Verdict::Action::answered);
  EXPECT_EQ(out, "-NOPERM User app has no permissions to run the 'incrby' command\r\n");
  // Known by its hash by now.
  EXPECT_EQ(take({"EVALSHA", sha1_hex(add), "1", "k", "2"}), Verdict::Action::answered);
  EXPECT_TRUE(out.starts_with("-NOPERM")) << out;
}

TEST_F(LoginTest, later_words_beat_earlier_ones_and_reset_takes_all_away) {
  for (auto& [words, wanted] : std::vector<std::pair<std::vector<std::string>, bool>>{
           {{"allcommands", "allkeys"}, true},
           {{"allkeys", "+get", "-get"}, false},
           {{"allkeys", "-@all", "+@read"}, true},
           {{"allkeys", "+@all", "-@string"}, false},
           {{"+@all", "allkeys", "resetkeys", "~a*"}, false},
           {{"+@all", "allkeys", "reset"}, false},
           {{"reset", "on", "+get", "~*", "&*"}, true}}) {
    Login login{rules({user("u", words)}), "h:1"};
    (void)login.attempt("u", "u-secret");
    EXPECT_EQ(refusal(login, {"GET", "k"}).empty(), wanted) << words.back();
  }
  const std::vector<std::string> wrong{">password"};
  EXPECT_FALSE(AccessRules::parse(wrong).has_value());
}

TEST(Acl, shows_the_rules_of_users_and_no_password) {
  auto rules = std::make_shared<ServerRules>();
  rules->password = "main";
  rules->users = {user("app", {"+@all", "-@dangerous", "+client|id", "~sess:*", "%R~a:*", "&n:*"}),
                  user("gone", {"+get", "reset", "off"})};
  std::string out;
  ReplyWriter reply{out, RespVersion::resp2};
  answer_acl(command_spec(CommandId::acl_list), {}, *rules, "default", reply);
  EXPECT_EQ(out,
            "*3\r\n"
            "$60\r\nuser app on ~sess:* %R~a:* &n:* +@all -@dangerous +client|id\r\n"
            "$27\r\nuser default on ~* &* +@all\r\n"
            "$33\r\nuser gone off resetchannels -@all\r\n");
  out.clear();
  answer_acl(command_spec(CommandId::acl_getuser),
             std::vector<std::string_view>{"ACL", "GETUSER", "app"}, *rules, "default", reply);
  EXPECT_EQ(out,
            "*12\r\n$5\r\nflags\r\n*1\r\n$2\r\non\r\n$9\r\npasswords\r\n*0\r\n$8\r\ncommands\r\n"
            "$28\r\n+@all -@dangerous +client|id\r\n$4\r\nkeys\r\n$14\r\n~sess:* %R~a:*\r\n"
            "$8\r\nchannels\r\n$4\r\n&n:*\r\n$9\r\nselectors\r\n*0\r\n");
  const auto dryrun = [&](std::vector<std::string_view> words) {
    words.insert(words.begin(), {"ACL", "DRYRUN"});
    out.clear();
    answer_acl(command_spec(CommandId::acl_dryrun), words, *rules, "default", reply);
    return out;
  };
  EXPECT_EQ(dryrun({"app", "get", "sess:1"}), "+OK\r\n");
  EXPECT_EQ(dryrun({"app", "MGET", "sess:1", "other"}),
            "$53\r\nUser app has no permissions to access the 'other' key\r\n");
  EXPECT_EQ(dryrun({"app", "set", "a:1", "x"}),
            "$51\r\nUser app has no permissions to access the 'a:1' key\r\n");
  EXPECT_EQ(dryrun({"app", "publish", "m:1", "x"}),
            "$55\r\nUser app has no permissions to access the 'm:1' channel\r\n");
  EXPECT_EQ(dryrun({"app", "client", "list"}),
            "$60\r\nUser app has no permissions to run the 'client|list' command\r\n");
  EXPECT_EQ(dryrun({"default", "flushall"}), "+OK\r\n");
  // With users and no password of its own, the default user is nobody.
  rules->password.clear();
  out.clear();
  answer_acl(command_spec(CommandId::acl_list), {}, *rules, "default", reply);
  EXPECT_NE(out.find("user default off ~* &* +@all"), std::string::npos) << out;
}

TEST(Acl, tells_who_one_is_and_what_there_is) {
  expect_transcript(R"(
    > ACL WHOAMI
    $7
    default
    > ACL USERS
    *1
    $7
    default
    > ACL CAT transaction
    *5
    $7
    discard
    $4
    exec
    $5
    multi
    $7
    unwatch
    $5
    watch
    > ACL CAT nonsense
    -ERR Unknown category 'nonsense'
    > ACL SETUSER x
    -ERR unknown subcommand 'SETUSER'. Try ACL HELP.
    > ACL GENPASS 5 5
    -ERR unknown subcommand or wrong number of arguments for 'GENPASS'. Try ACL HELP.
  )");
  LocalServer server;
  LocalConnection connection{server};
  const std::string password = connection.send("ACL GENPASS\r\n");
  EXPECT_TRUE(password.starts_with("$64\r\n")) << password;
  EXPECT_NE(connection.send("ACL GENPASS\r\n"), password);
  EXPECT_TRUE(connection.send("ACL GENPASS 5\r\n").starts_with("$2\r\n"));
  const std::string categories = connection.send("ACL CAT\r\n");
  for (const char* name : {"keyspace", "read", "write", "dangerous", "admin", "pubsub"})
    EXPECT_NE(categories.find(name), std::string::npos) << name;
  EXPECT_EQ(categories.find('@'), std::string::npos);
}

TEST(ClientList, shows_the_user_of_each_connection) {
  LocalServer server{"secret"};
  LocalConnection connection{server};
  connection.send("AUTH secret\r\n");
  EXPECT_NE(connection.send("CLIENT INFO\r\n").find(" user=default "), std::string::npos);
  ClientFacts facts;
  facts.user = "app";
  EXPECT_NE(client_line(facts, 0).find(" user=app "), std::string::npos);
}

}  // namespace
}  // namespace greenroom::test
