# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""Sessions as JSON over HTTP, snapshots from making to restoring, payload encryption and the ports
with TLS, from outside.

    api_test.py GREENROOM
"""
import base64
import json
import pathlib
import re
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
import unittest

import http_test
from greenroom_process import Client, Greenroom, ServerError, pack

PROGRAM = http_test.PROGRAM
PASSWORD = http_test.PASSWORD
BEARER = {"Authorization": f"Bearer {PASSWORD}"}


def run(*words):
    """(exit code, what it said)"""
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=120,
                          check=False)
    return done.returncode, done.stdout + done.stderr


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = http_test.tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)

    def api(self, server, method, path, value=None, **fields):
        body = None if value is None else json.dumps(value)
        named = {name.replace("_", "-"): field for name, field in fields.items()}
        status, answer, text = server.ask(method, path, body, {**BEARER, **named})
        return status, answer, json.loads(text) if text else None


class Sessions(Folder):
    def test_a_session_is_made_read_changed_and_deleted_over_http_and_redis_sees_it(self):
        with http_test.HttpGreenroom(self.folder.name) as server, Client(server.port) as client:
            path = "/v1/sessions/sess%3A1"
            self.assertEqual(self.api(server, "GET", path)[0], 404)
            value = {"data": {"user": 7}, "ttl_ms": 60_000}
            status, fields, _ = self.api(server, "PUT", path, value)
            self.assertEqual(status, 201)
            self.assertEqual(client("GET", "sess:1"), b'{"user":7}')
            self.assertTrue(0 < client("PTTL", "sess:1") <= 60_000)
            status, fields, session = self.api(server, "GET", path)
            self.assertEqual(status, 200)
            self.assertEqual(session["data"], {"user": 7})
            self.assertEqual(session["type"], "string")
            self.assertTrue(0 < session["ttl_ms"] <= 60_000)
            self.assertEqual(self.api(server, "GET", path, If_None_Match=fields["ETag"])[0], 304)
            status, _, session = self.api(
                server, "PATCH", path, {"data": {"cart": [1], "user": None}})
            self.assertEqual((status, session["data"]), (200, {"cart": [1]}))
            self.assertTrue(0 < client("PTTL", "sess:1") <= 60_000)
            status, _, _ = self.api(server, "PATCH", path, {"ttl_ms": None})
            self.assertEqual((status, client("PTTL", "sess:1")), (200, -1))
            self.assertEqual(self.api(server, "DELETE", path)[0], 204)
            self.assertIsNone(client("GET", "sess:1"))
            self.assertEqual(self.api(server, "DELETE", path)[0], 404)
            status, _, session = self.api(server, "PUT", path + "?db=3", {"fields": {"a": "b"}})
            self.assertEqual((status, session["fields"]), (201, {"a": "b"}))
            client("SELECT", 3)
            self.assertEqual(client("HGETALL", "sess:1"), [b"a", b"b"])

    def test_of_two_writers_with_the_same_etag_one_wins(self):
        with http_test.HttpGreenroom(self.folder.name) as server:
            path = "/v1/sessions/sess:1"
            etag = self.api(server, "PUT", path, {"data": {"n": 0}}, If_None_Match="*")[1]["ETag"]
            self.assertEqual(self.api(server, "PUT", path, {"data": {}}, If_None_Match="*")[0], 412)
            statuses = []

            def write(number):
                statuses.append(self.api(server, "PUT", path, {"data": {"n": number}},
                                         If_Match=etag)[0])
            threads = [threading.Thread(target=write, args=(i,)) for i in range(1, 9)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(sorted(statuses), [200] + [412] * 7)
            # An ETag of a life before fits nothing.
            self.api(server, "DELETE", path)
            self.assertEqual(self.api(server, "PUT", path, {"data": {}}, If_Match=etag)[0], 412)

    def test_parallel_patches_lose_nothing(self):
        with http_test.HttpGreenroom(self.folder.name) as server:
            path = "/v1/sessions/sess:1"
            self.api(server, "PUT", path, {"data": {}})
            threads = [threading.Thread(target=self.api, args=(
                server, "PATCH", path, {"data": {f"f{i}": i}})) for i in range(10)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            kept = self.api(server, "GET", path)[2]["data"]
            self.assertEqual(kept, {f"f{i}": i for i in range(10)})

    def test_the_etag_of_an_answer_is_that_of_the_session_afterwards(self):
        with http_test.HttpGreenroom(self.folder.name) as server:
            path = "/v1/sessions/sess:1"
            self.api(server, "PUT", path, {"data": {"n": 0}})
            for method, value in (("PATCH", {"ttl_ms": 60_000}), ("PATCH", {"ttl_ms": None}),
                                  ("PATCH", {"ttl_ms": None}), ("PUT", {"fields": {"a": "b"}}),
                                  ("PATCH", {"ttl_ms": 50_000}), ("PUT", {"value": "x"}),
                                  ("PUT", {"data": {"n": 1}, "ttl_ms": 70_000})):
                status, answer, _ = self.api(server, method, path, value)
                self.assertEqual(status, 200)
                present = self.api(server, "GET", path)[1]["ETag"]
                self.assertEqual(answer["ETag"], present, (method, value))

    def test_new_fields_leave_a_session_its_age_and_its_user(self):
        with http_test.HttpGreenroom(self.folder.name) as server, Client(server.port) as client:
            for session, write in (("sess:1", ("SET", "sess:1", "text")),
                                   ("sess:2", ("HSET", "sess:2", "gone", "1"))):
                client(*write)
                client("SESS.BIND", session, "carl")
                path = f"/v1/sessions/{session}"
                before = self.api(server, "GET", path)[2]["created_at"]
                status, _, after = self.api(server, "PUT", path, {"fields": {"a": "b"}})
                self.assertEqual((status, after["fields"]), (200, {"a": "b"}))
                self.assertEqual(after["created_at"], before)
                self.assertEqual(client("HGETALL", session), [b"a", b"b"])
            self.assertEqual(client("SESS.USER.REVOKE", "carl"), 2)
            self.assertEqual(client("DBSIZE"), 0)

    def test_a_session_that_has_ended_is_answered_honestly(self):
        rule = '[[prefix]]\nprefix = "sess:"\ntombstone = "60s"\n'
        with http_test.HttpGreenroom(self.folder.name, config=http_test.CONFIG + rule) as server, \
                Client(server.port) as client:
            path = "/v1/sessions/sess:1"
            self.assertEqual(self.api(server, "PUT", path, {"data": {"n": 1}})[0], 201)
            self.assertEqual(self.api(server, "DELETE", path)[0], 204)
            for method, value in (("PUT", {"data": {"n": 2}}), ("PUT", {"fields": {"a": "b"}}),
                                  ("PATCH", {"data": {"n": 2}})):
                status, _, answer = self.api(server, method, path, value)
                self.assertEqual(status, 410)
                self.assertIn("has ended", answer["error"])
            self.assertEqual(self.api(server, "GET", path)[0], 404)
            self.assertIn(b"greenroom_dead_writes:3\r\n", client("INFO", "greenroom"))
            # Whoever begins anew by SET NX is let through, and then all is as ever.
            self.assertEqual(client("SET", "sess:1", "new", "NX"), "OK")
            self.assertEqual(self.api(server, "PUT", path, {"data": {"n": 3}})[0], 200)
            # Other keys can be made again at once.
            for status in (201, 204, 201):
                method = "DELETE" if status == 204 else "PUT"
                value = None if status == 204 else {"value": "x"}
                self.assertEqual(self.api(server, method, "/v1/sessions/plain", value)[0], status)

    def test_json_that_nests_too_deep_is_a_text_and_does_not_end_the_program(self):
        with http_test.HttpGreenroom(self.folder.name) as server, Client(server.port) as client:
            path = "/v1/sessions/s"
            deep = '{"a":' + "[" * 1_000_000 + "]" * 1_000_000 + "}"
            client("SET", "s", deep)
            status, _, session = self.api(server, "GET", path)
            self.assertEqual((status, session["value"]), (200, deep))
            self.assertNotIn("data", session)
            self.assertEqual(self.api(server, "PATCH", path, {"data": {"b": 1}})[0], 409)
            status, _, text = server.ask("PUT", path, '{"data":' + deep + "}", BEARER)
            self.assertEqual(status, 400, text)
            shallow = json.loads("[" * 500 + "]" * 500)
            self.assertEqual(self.api(server, "PUT", path, {"data": {"a": shallow}})[0], 200)
            self.assertEqual(self.api(server, "GET", path)[2]["data"], {"a": shallow})

    def test_ids_are_listed_in_pages_and_by_pattern(self):
        with http_test.HttpGreenroom(self.folder.name) as server, Client(server.port) as client:
            for i in range(250):
                client("SET", f"sess:{i}", "x")
            client("SET", "other", "x")
            seen, cursor = set(), "0"
            while True:
                _, _, page = self.api(
                    server, "GET", f"/v1/sessions?match=sess:*&limit=20&cursor={cursor}")
                seen.update(page["ids"])
                cursor = page["cursor"]
                if cursor == "0":
                    break
            self.assertEqual(seen, {f"sess:{i}" for i in range(250)})

    def test_what_is_wrong_is_refused_and_nothing_is_stored(self):
        with http_test.HttpGreenroom(self.folder.name) as server, Client(server.port) as client:
            path = "/v1/sessions/s"
            for body in ({}, {"value": 1}, {"data": {}, "value": "x"}, {"fields": {}},
                         {"value": "x", "ttl_ms": -1}, {"value": "x", "ttl_ms": "1"}, {"sneaky": 1},
                         [1]):
                status, _, answer = self.api(server, "PUT", path, body)
                self.assertEqual(status, 400, body)
                self.assertIn("error", answer)
            self.assertEqual(server.ask("PUT", path, "{", BEARER)[0], 400)
            self.assertEqual(self.api(server, "PUT", path + "?db=16", {"value": "x"})[0], 400)
            self.assertEqual(client("DBSIZE"), 0)
            client("SET", "s", "no json")
            self.assertEqual(self.api(server, "PATCH", path, {"data": {"a": 1}})[0], 409)
            client("SET", "s", b"\xff\xfe")
            status, _, session = self.api(server, "GET", path)
            self.assertEqual((status, session["value"], session["binary_bytes"]), (200, None, 2))

    def test_without_the_password_nothing_is_told(self):
        with http_test.HttpGreenroom(self.folder.name) as server:
            basic = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
            self.assertEqual(server.ask("GET", "/v1/stats", None,
                                        {"Authorization": "Basic " + basic})[0], 200)
            for field in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic !!!!"},
                          {"Authorization": "Basic " + base64.b64encode(b"admin").decode()}):
                status, fields, _ = server.ask("GET", "/v1/sessions", None, field)
                self.assertEqual(status, 401)
                self.assertIn("Basic", fields["WWW-Authenticate"])

    def test_curl_understands_it(self):
        curl = shutil.which("curl")
        if not curl:
            self.skipTest("no curl here")
        with http_test.HttpGreenroom(self.folder.name) as server:
            url = f"http://127.0.0.1:{server.http_port}/v1/sessions/sess:1"
            value = self.path / "value.json"
            value.write_text(json.dumps({"value": "x" * 2_000_000}), encoding="utf-8")
            words = [curl, "-sS", "-u", f"admin:{PASSWORD}", "--fail", "-w", "%{http_code}", "-o",
                     "/dev/null"]
            for more, status in ((["-T", str(value), url], "201"),
                                 ([url, "-o", "/dev/null", url], "200200"),
                                 (["-X", "DELETE", url], "204")):
                done = subprocess.run(words + more, capture_output=True, text=True, timeout=60,
                                      check=False)
                self.assertEqual(done.stdout, status, done.stderr)


class Snapshots(Folder):
    config = http_test.CONFIG.replace('durability = "memory"', 'durability = "commit"')

    def fill(self, port, count=3_000):
        with Client(port) as client:
            client.socket.sendall(b"".join(
                pack("SET", f"sess:{i}", f"value-of-{i}", "PX", 10_000_000) for i in range(count)))
            for _ in range(count):
                client.read()
            client("HSET", "hash", "a", "b")

    def check(self, port, count=3_000):
        with Client(port) as client:
            self.assertEqual(client("DBSIZE"), count + 1)
            self.assertEqual(client("GET", "sess:1234"), b"value-of-1234")
            self.assertTrue(9_000_000 < client("PTTL", "sess:1234") <= 10_000_000)
            self.assertEqual(client("HGETALL", "hash"), [b"a", b"b"])

    def test_one_is_made_listed_verified_and_restored(self):
        with http_test.HttpGreenroom(self.folder.name, config=self.config) as server:
            self.fill(server.port)
            status, _, made = self.api(server, "POST", "/v1/snapshots")
            self.assertEqual((status, made["sessions"]), (201, 3_001))
            listed = self.api(server, "GET", "/v1/snapshots")[2]["snapshots"]
            self.assertEqual(listed, [made["snapshot"]])
            self.assertRegex(server.ask("GET", "/metrics")[2],
                             r"greenroom_last_snapshot_timestamp_seconds 1\d{9}")
        directory = self.path / "data" / "snapshots"
        file = directory / made["snapshot"]
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        code, said = run("snapshot", "list", str(directory))
        self.assertEqual(code, 0)
        self.assertIn(made["snapshot"], said)
        code, said = run("snapshot", "verify", str(file))
        self.assertEqual(code, 0)
        self.assertIn("whole, 3001 sessions", said)
        code, said = run("snapshot", "restore", str(file), "--data", str(self.path / "again"))
        self.assertEqual(code, 0, said)
        with Greenroom(PROGRAM, self.path / "again") as restored:
            self.check(restored.port)
        code, said = run("snapshot", "restore", str(file), "--data", str(self.path / "again"))
        self.assertEqual(code, 1)
        self.assertIn("is not empty", said)

    def test_a_damaged_one_is_refused_and_the_one_before_it_is_named(self):
        with http_test.HttpGreenroom(self.folder.name, config=self.config) as server:
            self.fill(server.port, 100)
            first = self.api(server, "POST", "/v1/snapshots")[2]["snapshot"]
            second = self.api(server, "POST", "/v1/snapshots")[2]["snapshot"]
        directory = self.path / "data" / "snapshots"
        whole = (directory / second).read_bytes()
        middle = len(whole) // 2
        flipped = bytes([whole[middle] ^ 1])
        for damage in (whole[:middle] + flipped + whole[middle + 1:], whole[:-1], whole[:10],
                       whole + b"x", b"", b"GRSNAP02" + whole[8:]):
            (directory / second).write_bytes(damage)
            code, said = run("snapshot", "verify", str(directory / second))
            self.assertEqual(code, 1, said)
            code, said = run("snapshot", "restore", str(directory / second),
                             "--data", str(self.path / "new"))
            self.assertEqual(code, 1)
            self.assertIn(first, said)
            self.assertFalse((self.path / "new").exists())

    def test_one_that_cannot_be_made_is_told_in_the_log_in_info_and_in_the_metrics(self):
        # A file stands where the directory would be.
        place = self.path / "place"
        place.write_text("taken", encoding="utf-8")
        config = self.config + f'[snapshots]\ndirectory = "{place}/snapshots"\n'
        with (http_test.HttpGreenroom(self.folder.name, config=config) as server,
              Client(server.port) as client):
            def told():
                """(what INFO says, what the metrics say)"""
                info = dict(line.split(":", 1) for line in client("INFO").decode().splitlines()
                            if ":" in line)
                metrics = dict(line.rsplit(" ", 1)
                               for line in server.ask("GET", "/metrics")[2].splitlines())
                return ([info[name] for name in ("rdb_last_bgsave_status",
                                                 "rdb_bgsave_in_progress",
                                                 "greenroom_snapshots_failed")],
                        [metrics["greenroom_last_snapshot_failed"],
                         metrics["greenroom_snapshots_failed_total"]])

            self.assertEqual(told(), (["ok", "0", "0"], ["0", "0"]))
            self.assertIn(b"rdb_last_bgsave_time_sec:-1\r\n", client("INFO", "persistence"))
            client("BGSAVE")
            server.wait_for_log("no snapshot: ")
            # The log is written before the attempt has ended.
            limit = time.monotonic() + 60
            while told()[0][2] == "0":
                self.assertLess(time.monotonic(), limit)
            self.assertEqual(told(), (["err", "0", "1"], ["1", "1"]))
            status, _, answer = self.api(server, "POST", "/v1/snapshots")
            self.assertEqual((status, "Not a directory" in answer["error"]), (503, True))
            self.assertEqual(told(), (["err", "0", "2"], ["1", "2"]))
            self.assertEqual(server.log_text().count("no snapshot: "), 2)
            place.unlink()
            self.assertEqual(self.api(server, "POST", "/v1/snapshots")[0], 201)
            self.assertEqual(told(), (["ok", "0", "2"], ["0", "2"]))
            self.assertRegex(client("INFO", "persistence").decode(),
                             r"greenroom_last_snapshot_time:1\d{9}\r\n")

    def test_they_are_made_by_themselves_and_the_oldest_go(self):
        config = self.config + '[snapshots]\nevery = "50ms"\nkeep = 2\n'
        with http_test.HttpGreenroom(self.folder.name, config=config) as server:
            self.fill(server.port, 10)
            seen = set()
            while len(seen) < 5:
                now = self.api(server, "GET", "/v1/snapshots")[2]["snapshots"]
                self.assertLessEqual(len(now), 3)  # for a moment there is one more
                seen.update(now)

    def test_how_often_they_are_made_changes_at_sighup(self):
        with http_test.HttpGreenroom(self.folder.name, config=self.config) as server:
            self.fill(server.port, 10)
            self.assertEqual(self.api(server, "GET", "/v1/snapshots")[2]["snapshots"], [])
            server.config.write_text(self.config + '[snapshots]\nevery = "50ms"\n',
                                     encoding="utf-8")
            server.process.send_signal(signal.SIGHUP)
            limit = time.monotonic() + 20
            while not self.api(server, "GET", "/v1/snapshots")[2]["snapshots"]:
                self.assertLess(time.monotonic(), limit, "none is made")

    def test_encrypted_payloads_are_on_no_disk_and_keys_can_be_rotated(self):
        keys = self.path / "keys"
        keys.write_text("1 " + "a1" * 32 + "\n", encoding="utf-8")
        data = self.path / "data"
        flags = ("--encryption-key-file", str(keys))
        with http_test.HttpGreenroom(self.folder.name, *flags, config=self.config) as server:
            self.fill(server.port)
            snapshot = self.api(server, "POST", "/v1/snapshots")[2]["snapshot"]
            self.assertEqual(server.stop(), 0)
        stored = b"".join(f.read_bytes() for f in data.rglob("*") if f.is_file())
        self.assertNotIn(b"value-of-", stored)
        self.assertIn(b"sess:1234", stored)  # what the search would have found, had it been plain
        with Greenroom(PROGRAM, data, *flags) as server:
            self.check(server.port)
        # A new key in front, the old one behind it.
        keys.write_text("2 " + "b2" * 32 + "  # new\n1 " + "a1" * 32 + "\n", encoding="utf-8")
        with Greenroom(PROGRAM, data, *flags) as server:
            self.check(server.port)
        for text, words in (("1 " + "c3" * 32, "damaged, or key 1 is not the one"),
                            ("7 " + "a1" * 32, "key 1, which is not in the key file"),
                            ("1 short", ":1: a line is a number and 64"), ("", "no key in it")):
            keys.write_text(text, encoding="utf-8")
            code, said = run("serve", "--data", str(data), "--port", "0", *flags)
            self.assertEqual(code, 1)
            self.assertIn(words, said)
        code, said = run("serve", "--data", str(data), "--port", "0")
        self.assertEqual(code, 1)
        self.assertIn("name their key file", said)
        keys.write_text("1 " + "a1" * 32, encoding="utf-8")
        again = self.path / "again"
        code, _ = run("snapshot", "restore", str(data / "snapshots" / snapshot),
                      "--data", str(again))
        self.assertEqual(code, 0)
        with Greenroom(PROGRAM, again, *flags) as server:
            self.check(server.port)


class Tls(Folder):
    def certificate(self, name):
        """PEM files NAME.pem and NAME.key for 127.0.0.1; skips without the openssl program."""
        if not shutil.which("openssl"):
            self.skipTest("no openssl here")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=" + name, "-addext",
             "subjectAltName=IP:127.0.0.1", "-keyout", self.path / (name + ".key"), "-out",
             self.path / (name + ".pem")], check=True, capture_output=True)
        return self.path / (name + ".pem"), self.path / (name + ".key")

    def expired_certificate(self):
        _, key = self.certificate("old")
        request, expired = self.path / "old.csr", self.path / "expired.pem"
        for words in (["req", "-new", "-key", key, "-subj", "/CN=old", "-out", request],
                      ["x509", "-req", "-in", request, "-signkey", key, "-days", "-1", "-out",
                       expired]):
            subprocess.run(["openssl", *words], check=True, capture_output=True)
        return expired, key

    def test_redis_protocol_and_http_over_tls_and_renewed_certificates(self):
        certificate, key = self.certificate("first")
        config = http_test.CONFIG.replace("[http]", "[http]\ntls = true") + (
            f'[tls]\nport = 0\ncertificate = "{certificate}"\nkey = "{key}"\n')
        (self.path / "greenroom.toml").write_text(config, encoding="utf-8")
        with Greenroom(PROGRAM, self.path / "data", "--config",
                       str(self.path / "greenroom.toml")) as server:
            server.process.stdout.readline()
            tls_port = int(re.search(r"With TLS on [\d.]+:(\d+)",
                                     server.process.stdout.readline())[1])
            http_port = int(re.search(r"https://[\d.]+:(\d+)", server.process.stdout.readline())[1])

            def connect(port, authority):
                context = ssl.create_default_context(cafile=authority)
                client = Client(port)
                client.file.close()
                client.socket = context.wrap_socket(client.socket, server_hostname="127.0.0.1")
                client.file = client.socket.makefile("rb")
                return client

            with connect(tls_port, certificate) as client:
                self.assertEqual(client("SET", "a", "x" * 500_000), "OK")
                self.assertEqual(client("GET", "a"), b"x" * 500_000)
                client.socket.sendall(b"".join(pack("INCR", "n") for _ in range(1_000)))
                self.assertEqual([client.read() for _ in range(1_000)], list(range(1, 1_001)))
                client("SUBSCRIBE", "news")
                with Client(server.port) as plain:
                    self.assertEqual(plain("PUBLISH", "news", "hello"), 1)
                self.assertEqual(client.read(), [b"message", b"news", b"hello"])
            with connect(http_port, certificate) as client:
                client.socket.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
                self.assertIn(b"200 OK", client.file.read())
            # Who speaks no TLS there gets nothing, and costs nothing.
            with Client(tls_port) as client:
                client.socket.sendall(pack("PING") * 10)
                try:
                    self.assertNotIn(b"PONG", client.file.read())
                except ConnectionError:
                    pass
            other, other_key = self.certificate("second")
            shutil.copy(other, certificate)
            shutil.copy(other_key, key)
            with self.assertRaises(ssl.SSLError):
                connect(tls_port, other)
            server.process.send_signal(http_test.signal.SIGHUP)
            http_test.HttpGreenroom.wait_for_log(
                server_with_health(server, tls_port), "the configuration was read again")
            for port in (tls_port, http_port):
                connect(port, other).close()

    def tls_greenroom(self, certificate, key, *flags):
        """A server with TLS, and the port of it."""
        server = Greenroom(PROGRAM, self.path / ("data-" + certificate.stem), "--durability",
                           "memory", "--tls-port", "0", "--tls-certificate", str(certificate),
                           "--tls-key", str(key), *flags)
        server.process.stdout.readline()
        line = server.process.stdout.readline()
        return server, int(re.search(r"With TLS on [\d.]+:(\d+)", line)[1])

    def test_who_is_still_at_the_handshake_is_one_of_the_clients(self):
        certificate, key = self.certificate("server")
        server, tls_port = self.tls_greenroom(certificate, key, "--maxclients", "2")
        with server, Client(tls_port), Client(tls_port):
            # They say nothing; a handshake may take ten seconds.
            answers, limit = [], time.monotonic() + 8
            while answers[-1:] != ["ERR max number of clients reached"]:
                self.assertLess(time.monotonic(), limit, answers[-1:])
                with Client(server.port) as client:
                    try:
                        answers.append(client("PING"))
                    except ServerError as error:
                        answers.append(str(error))

    def test_the_tools_copy_and_measure_over_tls(self):
        certificate, key = self.certificate("server")
        stranger, _ = self.certificate("stranger")
        server, tls_port = self.tls_greenroom(certificate, key)
        with server, Greenroom(PROGRAM, self.path / "plain", "--durability", "memory") as plain:
            encrypted = f"rediss://127.0.0.1:{tls_port}"
            with Client(server.port) as client:
                for i in range(500):
                    client("SET", f"sess:{i}", "x" * i)
            to = ("--to", f"redis://127.0.0.1:{plain.port}")
            code, said = run("import", "--from", encrypted, "--tls-ca", str(certificate), *to)
            self.assertEqual(code, 0, said)
            with Client(plain.port) as client:
                self.assertEqual(client("DBSIZE"), 500)
                self.assertEqual(client("GET", "sess:499"), b"x" * 499)
                client("SET", "back", "y" * 100_000)
            code, said = run("export", "--from", f"redis://127.0.0.1:{plain.port}", "--to",
                             encrypted, "--tls-ca", str(certificate))
            self.assertEqual(code, 0, said)
            with Client(server.port) as client:
                self.assertEqual(client("STRLEN", "back"), 100_000)
            code, said = run("bench", "--target", encrypted, "--tls-ca", str(certificate), "--rate",
                             "500", "--connections", "3", "--duration", "500ms", "--sessions", "50")
            self.assertEqual(code, 0, said)
            self.assertIn("rediss://127.0.0.1", said)
            # Whom one does not trust, or who speaks no TLS, gets nothing.
            for words in (("--tls-ca", str(stranger)), (), ("--tls-ca", str(self.path / "none"))):
                code, said = run("import", "--from", encrypted, *words, *to)
                self.assertEqual(code, 1, said)
            code, said = run("import", "--from", f"rediss://127.0.0.1:{plain.port}", "--tls-ca",
                             str(certificate), "--to", f"redis://127.0.0.1:{server.port}")
            self.assertEqual(code, 1, said)

    def test_an_expired_certificate_is_refused_by_name(self):
        certificate, key = self.expired_certificate()
        flags = ("serve", "--data", str(self.path / "data"), "--port", "0", "--tls-port", "0",
                 "--tls-certificate", str(certificate), "--tls-key", str(key))
        for more in (("--check-config",), ()):
            code, said = run(*flags, *more)
            self.assertEqual(code, 1, said)
            self.assertRegex(said, rf"the certificate {certificate} has expired on ")
        # Renewed by one that has expired: the one before stays in force.
        fresh, fresh_key = self.certificate("fresh")
        server, tls_port = self.tls_greenroom(fresh, fresh_key)
        with server:
            trusted = fresh.read_bytes()
            shutil.copy(certificate, fresh)
            shutil.copy(key, fresh_key)
            server.process.send_signal(http_test.signal.SIGHUP)
            http_test.HttpGreenroom.wait_for_log(
                server_with_health(server, server.port), "the configuration stays as it was")
            context = ssl.create_default_context(cadata=trusted.decode())
            with Client(tls_port) as client:
                with context.wrap_socket(client.socket, server_hostname="127.0.0.1") as encrypted:
                    encrypted.sendall(pack("PING"))
                    self.assertEqual(encrypted.recv(100), b"+PONG\r\n")


def server_with_health(server, port):
    """wait_for_log asks for health between two looks; a plain connection does as well."""
    server.ask = lambda *_: Client(port).close()
    return server


if __name__ == "__main__":
    unittest.main()
