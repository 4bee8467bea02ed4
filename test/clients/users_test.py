# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""Users with rules, and what wrong passwords cost, over the Redis protocol.

    users_test.py GREENROOM
"""
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest

from greenroom_process import Client, Greenroom, ServerError, pack

PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else ""

CONFIG = f"""
[server]
durability = "memory"
[[user]]
name = "app"
password = "app-secret"
rules = ["+@all", "-@dangerous", "-@admin", "~sess:*", "%R~config:*"]
[[user]]
name = "exporter"
password_sha256 = "{hashlib.sha256(b'look').hexdigest()}"
rules = ["+info", "+ping", "+client|setname", "+config|get"]
[[user]]
name = "nobody"
password = "x"
"""


class Users(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.file = pathlib.Path(self.folder.name) / "greenroom.toml"
        self.file.write_text(CONFIG, encoding="utf-8")

    def greenroom(self, *flags):
        return Greenroom(PROGRAM, pathlib.Path(self.folder.name) / "data", "--config",
                         str(self.file), *flags)

    def refused(self, client, words, *command):
        with self.assertRaisesRegex(ServerError, words):
            client(*command)

    @staticmethod
    def answer(server, *command):
        """On a connection of its own; an error as its text."""
        with Client(server.port) as client:
            try:
                return client(*command)
            except ServerError as error:
                return str(error)

    def guess_until_the_right_one_must_wait(self, server):
        # The wait is half a second, and twice as long with each guess that is looked at: on a slow
        # machine it takes more of them until one comes too early.
        limit = time.monotonic() + 60
        while True:
            guesses = [self.answer(server, "AUTH", "app", "a guess") for _ in range(3)]
            if "too many" in guesses[-1]:
                answer = self.answer(server, "AUTH", "app", "app-secret")
                if answer != "OK":  # else the wait was just over, and it all begins anew
                    return answer
            self.assertLess(time.monotonic(), limit, guesses)

    def test_each_may_do_what_its_rules_say_and_no_more(self):
        with self.greenroom() as server, Client(server.port) as client:
            self.refused(client, "^NOAUTH", "GET", "sess:1")
            self.assertEqual(client("AUTH", "app", "app-secret"), "OK")
            self.assertEqual(client("SET", "sess:1", "v", "EX", 100), "OK")
            self.assertEqual(client("MGET", "sess:1", "config:x"), [b"v", None])
            for command in (("SET", "config:x", "v"), ("GETSET", "config:x", "v"), ("GET", "other"),
                            ("MSET", "sess:2", "v", "other", "v")):
                self.refused(client, "^NOPERM No permissions to access a key", *command)
            self.assertIsNone(client("GET", "sess:2"))
            for command in (("FLUSHALL",), ("CONFIG", "SET", "a", "b"), ("KEYS", "*")):
                self.refused(client, "^NOPERM User app has no permissions to run the", *command)
            self.assertEqual(client("PING"), "PONG")

    def test_an_exporter_may_look_and_a_user_without_rules_may_do_nothing(self):
        with self.greenroom() as server, Client(server.port) as client:
            self.assertEqual(client("AUTH", "exporter", "look"), "OK")
            self.assertIn(b"redis_version", client("INFO"))
            self.assertEqual(client("CONFIG", "GET", "maxclients")[0], b"maxclients")
            self.refused(client, "^NOPERM", "CONFIG", "RESETSTAT")
            self.refused(client, "^NOPERM", "GET", "sess:1")
            self.assertEqual(client("AUTH", "nobody", "x"), "OK")
            self.refused(client, "^NOPERM", "PING")
            self.assertEqual(client("QUIT"), "OK")

    def test_transactions_scripts_and_reset_do_not_get_around_the_rules(self):
        with self.greenroom() as server, Client(server.port) as client:
            client("AUTH", "app", "app-secret")
            client("MULTI")
            self.assertEqual(client("SET", "sess:1", "v"), "QUEUED")
            self.refused(client, "^NOPERM", "SET", "other", "v")
            self.refused(client, "^EXECABORT", "EXEC")
            self.assertIsNone(client("GET", "sess:1"))
            release = ('if redis.call("get",KEYS[1]) == ARGV[1] then '
                       'return redis.call("del",KEYS[1]) else return 0 end')
            self.refused(client, "^NOPERM", "EVAL", release, 1, "other", "x")
            self.assertEqual(client("RESET"), "RESET")
            self.refused(client, "^NOAUTH", "GET", "sess:1")

    def test_failing_auth_inside_a_pipeline_leaves_the_stream_in_step(self):
        with self.greenroom() as server, Client(server.port) as client:
            client.socket.sendall(
                pack("AUTH", "app", "wrong") + pack("GET", "sess:1") +
                pack("AUTH", "app", "app-secret") + pack("SET", "sess:1", "v") + pack("PING"))
            with self.assertRaisesRegex(ServerError, "^WRONGPASS"):
                client.read()
            with self.assertRaisesRegex(ServerError, "^NOAUTH"):
                client.read()
            self.assertEqual([client.read() for _ in range(3)], ["OK", "OK", "PONG"])

    def test_the_default_user_is_open_only_where_nobody_else_is_known(self):
        with self.greenroom() as server, Client(server.port) as client:
            for words in (("AUTH", "x"), ("AUTH", "default", ""), ("AUTH", "ghost", "app-secret")):
                self.refused(client, "^WRONGPASS", *words)
        with self.greenroom("--requirepass", "main") as server, Client(server.port) as client:
            self.assertEqual(client("AUTH", "main"), "OK")
            self.assertEqual(client("FLUSHALL"), "OK")
            self.assertEqual(client("AUTH", "app", "app-secret"), "OK")
            self.refused(client, "^NOPERM", "FLUSHALL")
            self.assertEqual(client("HELLO", 2, "AUTH", "default", "main")[0], b"server")
            self.assertEqual(client("FLUSHALL"), "OK")

    def test_guessing_gets_slow_for_the_address_on_every_connection(self):
        with self.greenroom() as server:
            for i in range(6):
                with Client(server.port) as client:
                    self.refused(client, "^WRONGPASS invalid", "AUTH", "app", f"guess {i}")
            self.assertRegex(self.guess_until_the_right_one_must_wait(server),
                             "^WRONGPASS too many wrong passwords.*wait")

    def test_logins_and_refusals_stand_in_the_audit_log_and_passwords_do_not(self):
        audit = pathlib.Path(self.folder.name) / "audit.log"
        self.file.write_text(CONFIG + f'[log]\naudit_file = "{audit}"\n', encoding="utf-8")
        with self.greenroom() as server:
            with Client(server.port) as client:
                self.assertEqual(client("AUTH", "app", "app-secret"), "OK")
                self.refused(client, "^WRONGPASS", "AUTH", "app", "a guess")
                self.refused(client, "^WRONGPASS", "AUTH", "typed my password here", "oh")
                client("HELLO", 2, "AUTH", "exporter", "look")
            self.assertIn("too many wrong", self.guess_until_the_right_one_must_wait(server))
            lines = [json.loads(line) for line in audit.read_text("utf-8").splitlines()]
            self.assertEqual([(line["act"], line["who"]) for line in lines[:4]],
                             [("login", "app"), ("login refused", "app"),
                              ("login refused", "(nobody)"), ("login", "exporter")])
            self.assertEqual((lines[-1]["act"], lines[-1]["note"]),
                             ("login refused", "too many wrong passwords"))
            self.assertEqual({line["from"] for line in lines}, {"127.0.0.1"})
            said = audit.read_text("utf-8") + server.log_text()
            for secret in ("a guess", "typed my password", "app-secret", "look"):
                self.assertNotIn(secret, said)

    def test_client_list_and_acl_whoami_tell_the_user(self):
        with self.greenroom("--requirepass", "main") as server, Client(server.port) as app, \
                Client(server.port) as admin:
            app("AUTH", "app", "app-secret")
            admin("AUTH", "main")
            self.assertEqual(app("ACL", "WHOAMI"), b"app")
            self.assertEqual(admin("ACL", "USERS"), [b"app", b"default", b"exporter", b"nobody"])
            users = re.findall(rb" user=(\w+) ", admin("CLIENT", "LIST"))
            self.assertEqual(sorted(users), [b"app", b"default"])
            self.refused(app, "^NOPERM", "ACL", "USERS")
            self.refused(admin, "^ERR No such user", "CLIENT", "KILL", "USER", "ghost")
            self.assertEqual(admin("CLIENT", "KILL", "USER", "exporter"), 0)
            self.assertEqual(admin("CLIENT", "KILL", "USER", "app"), 1)
            with self.assertRaises((EOFError, ConnectionError)):
                app("PING")

    def test_channels_and_users_sessions_are_kept_apart_too(self):
        self.file.write_text(CONFIG.replace('"~sess:*"', '"~sess:*", "&news:*"'), encoding="utf-8")
        with self.greenroom("--requirepass", "main") as server, Client(server.port) as app, \
                Client(server.port) as admin:
            app("AUTH", "app", "app-secret")
            admin("AUTH", "main")
            self.assertEqual(app("SUBSCRIBE", "news:a")[0], b"subscribe")
            self.refused(app, "^NOPERM No permissions to access a channel", "PSUBSCRIBE", "*")
            app("UNSUBSCRIBE", "news:a")
            for key in ("sess:1", "other:1"):
                self.assertGreater(admin("SESS.SET", key, "v"), 0)
                self.assertEqual(admin("SESS.BIND", key, "alice"), 1)
            self.assertEqual([each[0] for each in app("SESS.USER.LIST", "alice")], [b"sess:1"])
            self.assertEqual(app("SESS.USER.REVOKE", "alice"), 1)
            self.assertEqual(admin("EXISTS", "other:1"), 1)

    def test_mistakes_in_rules_are_found_before_the_start(self):
        for old, new, words in (
                ('"+info"', '"+nfo"', 'user "exporter": "+nfo" names no command'),
                ('"~sess:*"', '"sess:*"', '"sess:*" is no rule'),
                ('"+@all"', '"+@everything"', "names no command or category"),
                ('name = "nobody"', 'name = "app"', 'user "app": is there twice'),
                ('password = "x"', '', "needs either password or password_sha256")):
            self.file.write_text(CONFIG.replace(old, new), encoding="utf-8")
            done = subprocess.run([PROGRAM, "serve", "--config", self.file, "--check-config"],
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
