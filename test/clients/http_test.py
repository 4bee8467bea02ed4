# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""Greenroom's HTTP port from outside: health, metrics, the admin page and what guards it, the
configuration file with its mistakes, SIGHUP, protected mode.

    http_test.py GREENROOM
"""
import http.client
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

from greenroom_process import Client, Greenroom

PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else ""
PASSWORD = "correct horse"
CONFIG = f"""
[server]
durability = "memory"
[http]
port = 0
admin_password = "{PASSWORD}"
"""


class HttpGreenroom(Greenroom):
    """Greenroom with its HTTP port; knows where that is."""

    def __init__(self, folder, *flags, config=CONFIG):
        self.folder = pathlib.Path(folder)
        self.config = self.folder / "greenroom.toml"
        self.config.write_text(config, encoding="utf-8")
        super().__init__(PROGRAM, self.folder / "data", "--config", str(self.config), *flags)
        self.process.stdout.readline()  # the line that says what to try
        line = self.process.stdout.readline()
        self.http_port = int(re.search(r"HTTP on https?://[\d.]+:(\d+)", line)[1])

    def ask(self, method, path, body=None, fields=None):
        """(status, fields, text)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=60)
        connection.request(method, path, body, fields or {})
        response = connection.getresponse()
        answer = response.status, dict(response.getheaders()), response.read().decode()
        connection.close()
        return answer

    def post_form(self, path, cookie="", **values):
        fields = {"Content-Type": "application/x-www-form-urlencoded"}
        if cookie:
            fields["Cookie"] = cookie
        return self.ask("POST", path, urllib.parse.urlencode(values), fields)

    def log_in(self):
        """(cookie, csrf secret)"""
        status, fields, _ = self.post_form("/admin/login", password=PASSWORD)
        assert status == 303, status
        cookie = fields["Set-Cookie"].split(";")[0]
        _, _, page = self.ask("GET", "/admin", fields={"Cookie": cookie})
        return cookie, re.search(r'name="csrf" value="(\w+)"', page)[1]

    def wait_for_log(self, text, times=1):
        """Until so many lines with the text are in the log."""
        limit = time.monotonic() + 60
        while self.log_text().count(text) < times:
            assert time.monotonic() < limit, f"no {text!r} in {self.log_text()}"
            self.ask("GET", "/healthz")


class Health(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def test_health_readiness_and_metrics_need_no_password(self):
        with HttpGreenroom(self.folder.name) as server, Client(server.port) as client:
            self.assertEqual(server.ask("GET", "/healthz")[0], 200)
            self.assertEqual(server.ask("GET", "/readyz")[0], 200)
            client("SET", "sess:a", "1", "EX", "100")
            client("GET", "sess:a")
            client("GET", "sess:b")
            status, fields, text = server.ask("GET", "/metrics")
            self.assertEqual(status, 200)
            self.assertTrue(fields["Content-Type"].startswith("text/plain; version=0.0.4"))
            samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
            self.assertEqual(samples['greenroom_keys{db="0"}'], "1")
            self.assertEqual(samples['greenroom_keys_with_expiry{db="0"}'], "1")
            self.assertEqual(samples["greenroom_key_hits_total"], "1")
            self.assertEqual(samples["greenroom_key_misses_total"], "1")
            self.assertGreater(float(samples["process_resident_memory_bytes"]), 1e6)
            for line in text.splitlines():
                self.assertRegex(
                    line, r"^(# (HELP|TYPE) \w+ .+"
                          r"|\w+(\{\w+=\"[^\"]*\"(,\w+=\"[^\"]*\")*\})? [-\d.e+]+)$")
            # Every metric has a type, once.
            types = re.findall(r"^# TYPE (\w+)", text, re.M)
            self.assertEqual(len(types), len(set(types)))
            # Nothing is popular yet.
            self.assertEqual({name.split("{")[0] for name in samples},
                             set(types) - {"greenroom_popular_reads"})

    def test_without_an_admin_password_there_is_no_page_to_guess_at(self):
        config = CONFIG.replace("admin_password", "# admin_password")
        with HttpGreenroom(self.folder.name, config=config) as server:
            self.assertEqual(server.ask("GET", "/healthz")[0], 200)
            self.assertEqual(server.ask("GET", "/admin")[0], 404)
            self.assertEqual(server.ask("GET", "/v1/stats")[0], 404)

    def test_a_client_that_sends_nonsense_is_refused_and_the_others_go_on(self):
        with HttpGreenroom(self.folder.name) as server:
            for nonsense in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
                             b"*1\r\n$4\r\nPING\r\n", b"GET / HTTP/1.1\r\n\r\n",
                             b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n"):
                with Client(server.http_port) as client:
                    client.socket.sendall(nonsense)
                    client.socket.shutdown(1)
                    self.assertRegex(client.file.read(), rb"^(HTTP/1.1 4\d\d|$)")
            self.assertEqual(server.ask("GET", "/healthz")[0], 200)


class Popular(unittest.TestCase):
    def test_what_is_read_most_is_named_by_its_hash_everywhere(self):
        with tempfile.TemporaryDirectory() as folder, HttpGreenroom(folder) as server, \
                Client(server.port) as client:
            for name in ("sess:often", "sess:rarely"):
                client("SET", name, "x")
            for _ in range(64):
                client("GET", "sess:often")
            client("GET", "sess:rarely")
            # A session tells of its reads now and then, and the report is made now and then: the
            # first may be of some of them.
            limit, found = time.monotonic() + 60, None
            while not found:
                info = client("INFO", "greenroom").decode()
                self.assertLess(time.monotonic(), limit, info)
                found = re.search(r"greenroom_popular_0:id=([0-9a-f]{16}),db=0,reads=64\r", info)
                time.sleep(0.02)
            self.assertNotIn("greenroom_popular_1:", info)
            stats = client("SESS.STATS")
            stats = dict(zip(stats[::2], stats[1::2]))
            self.assertEqual(stats[b"popular"], [[found[1].encode(), 0, 64]])
            self.assertEqual((stats[b"created"], stats[b"accesses"], stats[b"deleted"]), (2, 65, 0))
            metrics = server.ask("GET", "/metrics")[2]
            self.assertIn(f'greenroom_popular_reads{{id="{found[1]}",db="0"}} 64', metrics)
            self.assertIn("greenroom_sessions_created_total 2\n", metrics)
            cookie, _ = server.log_in()
            page = server.ask("GET", "/admin", fields={"Cookie": cookie})[2]
            self.assertIn(f"<code>{found[1]}</code>", page)
            self.assertNotIn("often", info + metrics + page)


class ProtectedMode(unittest.TestCase):
    """From an address of this machine that is not the loopback's, as others would come."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        # Nothing is sent: the kernel says which address it would come from.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.254", 9))
                self.address = probe.getsockname()[0]
            except OSError:
                self.address = "127.0.0.1"
        if self.address.startswith("127."):
            self.skipTest("this machine has no address but the loopback's")

    def first_words(self, *flags):
        with Greenroom(PROGRAM, self.folder.name, "--bind", "0.0.0.0", "--durability", "memory",
                       *flags) as server:
            with Client(server.port) as here:
                here.send("PING")
                self.assertNotIn(b"DENIED", here.file.readline())
            with socket.create_connection((self.address, server.port), 30) as client:
                client.sendall(b"PING\r\n")
                try:
                    return client.recv(1_000)
                except ConnectionResetError:
                    return b"(reset)"

    def test_without_a_password_only_this_machine_is_served(self):
        self.assertTrue(self.first_words().startswith(b"-DENIED Greenroom runs in protected mode"))

    def test_with_a_password_or_by_demand_others_are_served(self):
        self.assertEqual(self.first_words("--requirepass", "x"),
                         b"-NOAUTH Authentication required.\r\n")
        self.assertEqual(self.first_words("--no-protected-mode"), b"+PONG\r\n")


class AdminPage(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def test_who_logs_in_sees_searches_and_revokes_and_ids_are_never_shown(self):
        with HttpGreenroom(self.folder.name) as server, Client(server.port) as client:
            client("SET", "sess:topsecret<b>", "payload-of-the-session", "EX", "1000")
            client("HSET", "sess:hash", "field", "value")
            client("SADD", "sess:set", "one", "two")
            client("PEXPIREAT", "sess:set", str(2**63 - 1))
            cookie, csrf = server.log_in()
            status, fields, page = server.post_form(
                "/admin/search", cookie, csrf=csrf, id="sess:*", db="0")
            self.assertEqual(status, 200)
            self.assertIn("default-src 'none'", fields["Content-Security-Policy"])
            self.assertEqual(fields["Cache-Control"], "no-store")
            self.assertEqual(page.count("<button class=\"danger\">"), 3)
            self.assertNotIn("topsecret", page)
            self.assertNotIn("payload-of-the-session", page)
            self.assertIn("1 fields", page)
            self.assertIn("<td>2 members</td><td>over 100 years</td>", page)
            status, _, page = server.post_form(
                "/admin/search", cookie, csrf=csrf, id="sess:topsecret<b>", db="0")
            self.assertEqual(page.count("<button class=\"danger\">"), 1)
            self.assertNotIn("topsecret", page)
            self.assertRegex(page, r"<td>16 min \d+ s</td>")
            status, _, page = server.post_form("/admin/revoke", cookie, csrf=csrf, number="0")
            self.assertEqual(status, 200)
            self.assertIn("is revoked", page)
            self.assertIsNone(client("GET", "sess:topsecret<b>"))
            self.assertIsNotNone(client("HGET", "sess:hash", "field"))
            self.assertIn("revoke", server.log_text())
            self.assertNotIn("topsecret", server.log_text())

    def test_without_the_login_or_the_forms_secret_nothing_can_be_done(self):
        with HttpGreenroom(self.folder.name) as server, Client(server.port) as client:
            client("SET", "sess:a", "1")
            self.assertIn("Admin password", server.ask("GET", "/admin")[2])
            self.assertEqual(server.post_form("/admin/search", csrf="x", id="*", db="0")[0], 403)
            cookie, csrf = server.log_in()
            server.post_form("/admin/search", cookie, csrf=csrf, id="sess:a", db="0")
            for wrong in ("", "0" * 32, csrf[:-1]):
                answer = server.post_form("/admin/revoke", cookie, csrf=wrong, number="0")
                self.assertEqual(answer[0], 403)
            form = urllib.parse.urlencode({"csrf": csrf, "number": "0"})
            answer = server.ask("POST", "/admin/revoke", form, {
                "Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie,
                "Origin": "http://evil.example"})
            self.assertEqual(answer[0], 403)
            self.assertEqual(client("GET", "sess:a"), b"1")
            self.assertEqual(server.post_form("/admin/logout", cookie, csrf=csrf)[0], 303)
            page = server.ask("GET", "/admin", fields={"Cookie": cookie})[2]
            self.assertIn("Admin password", page)
            self.assertEqual(
                server.post_form("/admin/revoke", cookie, csrf=csrf, number="0")[0], 403)

    def test_a_stranger_is_refused_before_a_large_body_is_read(self):
        with HttpGreenroom(self.folder.name) as server:
            def answer_to(path, *fields, body=b""):
                """The status of a POST, of which nothing is sent but this."""
                head = "\r\n".join((f"POST {path} HTTP/1.1", "Host: h", *fields)) + "\r\n\r\n"
                with Client(server.http_port) as client:
                    client.socket.sendall(head.encode() + body)
                    return int(client.file.readline().split()[1])

            large = "Content-Length: 60000000"
            right = f"Authorization: Bearer {PASSWORD}"
            self.assertEqual(answer_to("/v1/sessions/a", large), 401)
            self.assertEqual(answer_to("/v1/sessions/a", large, "Authorization: Bearer no"), 401)
            self.assertEqual(answer_to("/v1/snapshots", "Transfer-Encoding: chunked"), 401)
            for path in ("/admin/login", "/admin/search", "/%76%31/sessions/a", "/nowhere"):
                self.assertEqual(answer_to(path, large), 413, path)
                chunk = b"2000\r\n" + b"x" * 0x2000
                self.assertEqual(answer_to(path, "Transfer-Encoding: chunked", body=chunk), 413)
            # Who is logged in searches by longer patterns, and who has the password stores values.
            cookie, csrf = server.log_in()
            self.assertEqual(server.post_form("/admin/search", cookie, csrf=csrf, db="0",
                                              id="x" * 60_000)[0], 200)
            self.assertEqual(answer_to("/admin/search", large, "Cookie: " + cookie), 413)
            value = json.dumps({"value": "x" * 5_000_000})
            name, password = right.split(": ")
            self.assertEqual(server.ask("PUT", "/v1/sessions/a", value, {name: password})[0], 201)

    def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(self):
        with HttpGreenroom(self.folder.name) as server:
            _, fields, _ = server.post_form("/admin/login", password=PASSWORD)
            cookie = fields["Set-Cookie"]
            for part in ("HttpOnly", "SameSite=Strict", "Path=/admin"):
                self.assertIn(part, cookie)
            self.assertRegex(cookie, r"greenroom_admin=[0-9a-f]{64};")

    def test_wrong_passwords_are_slowed_down_and_audited(self):
        with HttpGreenroom(self.folder.name) as server:
            for i in range(6):
                self.assertEqual(server.post_form("/admin/login", password=f"guess {i}")[0], 401)
            # The wait is half a second, and twice as long with each guess that is looked at: on a
            # slow machine it takes more of them until one comes too early.
            limit = time.monotonic() + 60
            while True:
                guesses = [server.post_form("/admin/login", password="guess")[0] for _ in range(3)]
                self.assertLessEqual(set(guesses), {401, 429})
                if guesses[-1] == 429:
                    # While it waits, not even the right one is looked at.
                    status, fields, _ = server.post_form("/admin/login", password=PASSWORD)
                    if status == 429:
                        break
                    self.assertEqual(status, 303)  # the wait was just over; it all begins anew
                self.assertLess(time.monotonic(), limit)
            self.assertGreater(int(fields["Retry-After"]), 0)
            self.assertIn("login refused", server.log_text())
            self.assertNotIn("guess", server.log_text())


class Configuration(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.file = pathlib.Path(self.folder.name) / "greenroom.toml"

    def check(self, text):
        """(exit code, what it said)"""
        self.file.write_text(text, encoding="utf-8")
        done = subprocess.run([PROGRAM, "serve", "--config", self.file, "--check-config"],
                              capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    def test_a_sound_file_is_fine(self):
        code, said = self.check(CONFIG)
        self.assertEqual((code, said), (0, "The configuration is fine.\n"))

    def test_mistakes_are_named_with_file_and_line(self):
        for text, words in (
                ("[server]\nprot = 1\n", ':2: there is no setting "prot" here'),
                ("[server]\nport = 70000\n", ":2: port is a number from 0 to 65535"),
                ("[server]\nport = \"6380\"\n", ":2: port is a number"),
                ("[server]\ndurability = \"allways\"\n", ':2: durability is one of "commit"'),
                ("[server]\nmax_value = \"64 MB\"\n", ":2: max_value is a size"),
                ("[sever]\nport = 1\n", ':1: there is no setting "sever" here'),
                ("[[prefix]]\nprefix = \"s:\"\ntombstone = \"60\"\n",
                 ":3: 'tombstone=60' is no time"),
                ("[[prefix]]\nprefix = \"s:\"\nlock_wait = \"2s\"\n",
                 ":3: 'lock-wait=2s' is no time up to 1s"),
                ("[[prefix]]\nprefix = \"s:\"\ncap = -1\n", ":3: 'cap=-1' is no number up to"),
                ("[[prefix]]\nprefix = \"s:\"\nmerge = true\n", ":3: merge is a text in quotes"),
                ("[[prefix]]\nprefix = \"s:\"\nuser = \"/a b\"\n", ":3: user has a blank"),
                ("[[prefix]]\nprefix = \"s:\"\ntombstones = \"60s\"\n",
                 ':3: there is no setting "tombstones" here'),
                ("[[prefix]]\ncap = 1\n", ":1: a [[prefix]] has no prefix"),
                ("[[prefix]]\nprefix = \"s:\"\n[[prefix]]\nprefix = \"s:\"\n",
                 ':4: the prefix "s:" is there twice'),
                ("[prefix]\nprefix = \"s:\"\n", ":1: [[prefix]] is a list of sections"),
                ("[server]\nmax_memory = \"1 kB\"\n", ":2: max_memory is a size"),
                ("[server\nport = 1\n", ":1: "),
                ("[server]\nport = 1\nport = 2\n", ":3: "),
                ("[http]\nport = 0\ntls = true\n", "needs [tls] certificate and key"),
                ("[server]\nport = 7001\n[tls]\nport = 7001\n", "the same port with TLS"),
                ("[tls]\ncertificate = \"/none.pem\"\nkey = \"/none.key\"\n", "/none.pem")):
            code, said = self.check(text)
            self.assertEqual(code, 1, text)
            self.assertIn(words, said)

    def test_all_mistakes_are_told_at_once(self):
        code, said = self.check("[server]\nport = 70000\nshards = -1\n[log]\nformat = \"xml\"\n")
        self.assertEqual(code, 1)
        self.assertEqual(len(said.splitlines()), 3)

    def test_a_flag_beats_the_file(self):
        with HttpGreenroom(self.folder.name, "--maxclients", "7",
                           config=CONFIG.replace("[http]", "max_clients = 5\n[http]")) as server:
            with Client(server.port) as client:
                self.assertEqual(client("CONFIG", "GET", "maxclients")[1], b"7")

    def test_sighup_puts_a_new_password_into_force_and_a_broken_file_changes_nothing(self):
        with HttpGreenroom(self.folder.name) as server:
            server.log_in()
            server.config.write_text(CONFIG.replace(PASSWORD, "another"), encoding="utf-8")
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_log("the configuration was read again")
            self.assertEqual(server.post_form("/admin/login", password=PASSWORD)[0], 401)
            self.assertEqual(server.post_form("/admin/login", password="another")[0], 303)
            server.config.write_text("[server", encoding="utf-8")
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_log("the configuration stays as it was")
            self.assertEqual(server.post_form("/admin/login", password="another")[0], 303)

    def test_what_needs_a_restart_is_named_and_stays_what_it_was(self):
        changed = CONFIG.replace("[http]", "protected_mode = false\n[http]")
        with HttpGreenroom(self.folder.name) as server, Client(server.port) as client:
            server.config.write_text(changed, encoding="utf-8")
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_log("only a restart changes: protected_mode")
            server.config.write_text(CONFIG, encoding="utf-8")
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_log("the configuration was read again", 2)
            # Nothing differs any more.
            self.assertEqual(server.log_text().count("only a restart changes"), 1)
            self.assertIn(str(server.config).encode(), client("INFO", "server"))

    def test_rules_of_prefixes_are_in_force_from_the_start_and_again_at_sighup(self):
        rules = ('[[prefix]]\nprefix = "sess:"\ntombstone = "60s"\nmerge = "json"\ncap = 3\n'
                 '[[prefix]]\nprefix = "lock:"\nlock_wait = "500ms"\nlock_suffix = ":l"\n')
        with HttpGreenroom(self.folder.name, config=CONFIG + rules) as server, \
                Client(server.port) as client:
            def in_force():
                words = client("CONFIG", "GET", "prefix:*")
                return dict(zip(words[::2], words[1::2]))
            self.assertEqual(in_force(), {
                b"prefix:sess:": b"tombstone=1m merge=json cap=3",
                b"prefix:lock:": b"lock-wait=500ms lock-suffix=:l"})
            client("SET", "sess:a", "x")
            client("DEL", "sess:a")
            client("SET", "sess:a", "late")
            self.assertIsNone(client("GET", "sess:a"))
            client("CONFIG", "SET", "prefix:mine:", "idle=1m")
            rules = ('[[prefix]]\nprefix = "sess:"\nidle = "30m"\n'
                     '[[prefix]]\nprefix = "p:"\ncap = 1\n')
            server.config.write_text(CONFIG + rules, encoding="utf-8")
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_log("the configuration was read again")
            self.assertEqual(in_force(), {
                b"prefix:sess:": b"idle=30m", b"prefix:p:": b"cap=1", b"prefix:mine:": b"idle=1m"})
            client("SET", "sess:b", "x")
            self.assertTrue(1_790 < client("TTL", "sess:b") <= 1_800)
            server.config.write_text(CONFIG + rules + 'idle = "?"\n', encoding="utf-8")
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_log("the configuration stays as it was")
            self.assertIn(b"prefix:sess:", in_force())

    def test_log_lines_are_json_and_the_audit_file_is_opened_again(self):
        audit = pathlib.Path(self.folder.name) / "audit.log"
        config = CONFIG + f'[log]\nformat = "json"\naudit_file = "{audit}"\n'
        with HttpGreenroom(self.folder.name, config=config) as server:
            server.log_in()
            lines = [json.loads(line) for line in audit.read_text("utf-8").splitlines()]
            self.assertEqual(lines[-1]["act"], "login")
            self.assertEqual(lines[-1]["from"], "127.0.0.1")
            audit.rename(audit.with_suffix(".old"))
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_log("the configuration was read again")
            server.log_in()
            self.assertEqual(json.loads(audit.read_text("utf-8").splitlines()[-1])["act"], "login")
            self.assertEqual(audit.stat().st_mode & 0o777, 0o600)
            self.assertEqual(server.stop(), 0)
            for line in server.log_text().splitlines():
                self.assertIn("level", json.loads(line))


if __name__ == "__main__":
    unittest.main()
