# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""greenroom import, export and bench, between servers of this machine: two Greenrooms, and a real
redis-server where there is one.

    tools_test.py GREENROOM
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

from greenroom_process import Client, Greenroom
from redis_process import RedisServer

PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else ""


def run(*words):
    """(exit code, stdout, stderr)"""
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=120,
                          check=False)
    return done.returncode, done.stdout, done.stderr


def url(port, login=""):
    return f"redis://{login}127.0.0.1:{port}/0"


class Snapshots(unittest.TestCase):
    def test_a_directory_that_is_not_there_is_not_one_without_snapshots(self):
        with tempfile.TemporaryDirectory() as folder:
            code, said, _ = run("snapshot", "list", folder)
            self.assertEqual((code, said), (0, f"No snapshots in {folder}.\n"))
            code, said, complaint = run("snapshot", "list", folder + "/none")
            self.assertEqual((code, said), (1, ""))
            self.assertIn(f"{folder}/none is no directory", complaint)


class Copy(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)

    def greenroom(self, name, *flags):
        return Greenroom(PROGRAM, self.path / name, "--durability", "memory", *flags)

    def fill(self, client, count=1_000):
        for i in range(count):
            client.send("SET", f"sess:{i}", f'{{"n":{i}}}', "PX", 1_000_000 + i)
        for i in range(count):
            client.read()
        client("SET", b"bin\x00\xff\r\nkey", b"\x00\r\n\xff" * 1_000)
        client("HSET", "hash", *[word for i in range(1_500) for word in (f"f{i}", f"v{i}")])
        client("PEXPIRE", "hash", 5_000_000)

    def check_filled(self, client, count=1_000):
        self.assertEqual(client("DBSIZE"), count + 2)
        for i in range(0, count, 97):
            self.assertEqual(client("GET", f"sess:{i}"), b'{"n":%d}' % i)
            left = client("PTTL", f"sess:{i}")
            self.assertTrue(900_000 < left <= 1_000_000 + i, left)
        self.assertEqual(client("GET", b"bin\x00\xff\r\nkey"), b"\x00\r\n\xff" * 1_000)
        self.assertEqual(client("PTTL", b"bin\x00\xff\r\nkey"), -1)
        self.assertEqual(client("HLEN", "hash"), 1_500)
        self.assertEqual(client("HGET", "hash", "f1234"), b"v1234")
        self.assertTrue(4_000_000 < client("PTTL", "hash") <= 5_000_000)

    def test_keys_come_over_with_values_and_expiry(self):
        with self.greenroom("a") as one, self.greenroom("b", "--requirepass", "p@ss") as two:
            with Client(one.port) as client:
                self.fill(client)
            code, said, progress = run("import", "--from", url(one.port),
                                       "--to", url(two.port, ":p%40ss@"))
            self.assertEqual(code, 0, said + progress)
            self.assertIn("1002 of 1002 keys copied", said)
            self.assertIn("100 %  1,002/1,002 keys", progress)
            self.assertNotIn("p@ss", said + progress)
            with Client(two.port) as client:
                client("AUTH", "p@ss")
                self.check_filled(client)

    def test_what_is_there_stays_if_asked_and_a_dry_run_writes_nothing(self):
        with self.greenroom("a") as one, self.greenroom("b") as two:
            with Client(one.port) as source, Client(two.port) as destination:
                source("SET", "x", "new")
                source("SET", "y", "new")
                destination("SET", "x", "old")
                code, said, _ = run("import", "--from", url(one.port), "--to", url(two.port),
                                    "--dry-run")
                self.assertEqual(code, 0)
                self.assertIn("would be copied", said)
                self.assertIsNone(destination("GET", "y"))
                code, said, _ = run("export", "--from", url(one.port), "--to", url(two.port),
                                    "--keep-existing")
                self.assertEqual(code, 0)
                self.assertIn("1 were there already", said)
                self.assertEqual(destination("GET", "x"), b"old")
                self.assertEqual(destination("GET", "y"), b"new")

    def test_what_cannot_be_done_is_said_in_a_sentence(self):
        with self.greenroom("a", "--requirepass", "secret") as one, self.greenroom("b") as two:
            for words, sentence in (
                    (("--from", "localhost:6379"), "no redis:// URL"),
                    (("--from", "redis://h:x/0"), "the port is no port"),
                    (("--from", url(two.port)), "are the same server"),
                    (("--from", url(one.port)), "NOAUTH"),
                    (("--from", url(one.port, ":wrong@")), "WRONGPASS"),
                    (("--from", "redis://127.0.0.1:1/0"), "refused")):
                code, _, said = run("import", *words, "--to", url(two.port))
                self.assertEqual(code, 1, words)
                self.assertIn(sentence, said)
                self.assertNotIn("secret", said)

    def test_redis_keys_come_over_and_back_and_other_types_are_named(self):
        if not shutil.which("redis-server"):
            self.skipTest("no redis-server here")
        with RedisServer(self.folder.name, "--save", "") as redis, self.greenroom("a") as greenroom:
            with Client(redis.port) as client:
                self.fill(client)
                client("RPUSH", "list", "1")
            code, said, _ = run("import", "--from", url(redis.port), "--to", url(greenroom.port))
            self.assertEqual(code, 2)
            self.assertIn("1 of type list were left out", said)
            with Client(greenroom.port) as client:
                self.check_filled(client)
            with Client(redis.port) as client:
                client("FLUSHALL")
            code, said, _ = run("export", "--from", url(greenroom.port), "--to", url(redis.port))
            self.assertEqual(code, 0, said)
            with Client(redis.port) as client:
                self.check_filled(client)


class Bench(unittest.TestCase):
    def test_the_rate_is_kept_and_table_and_picture_are_written(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            with Greenroom(PROGRAM, path / "data", "--durability", "memory") as server:
                code, said, errors = run(
                    "bench", "--target", url(server.port), "--target", url(server.port),
                    "--rate", "500", "--connections", "5", "--duration", "1s", "--sessions", "200",
                    "--output", str(path / "out"))
                self.assertEqual(code, 0, errors)
                rows = [line for line in said.splitlines() if line.startswith("| redis://")]
                self.assertEqual(len(rows), 2)
                answered = [int(row.split("|")[3]) for row in rows]
                for each in answered:
                    self.assertTrue(490 <= each <= 510, said)
                table = (path / "out" / "bench.md").read_text("utf-8")
                self.assertEqual(table.count("redis://"), 2)
                picture = xml.etree.ElementTree.parse(path / "out" / "bench.svg").getroot()
                lines = [e for e in picture.iter() if e.tag.endswith("polyline")]
                self.assertEqual(len(lines), 2)
                with Client(server.port) as client:
                    keys = client("DBSIZE")
                    self.assertTrue(100 < keys <= 200, keys)
                    self.assertIn(client("TTL", "bench:sess:7"), range(-2, 1801))

    def test_a_server_that_is_not_there_is_named(self):
        code, _, errors = run("bench", "--target", "redis://127.0.0.1:1", "--sessions", "1")
        self.assertEqual(code, 1)
        self.assertRegex(errors, re.compile(r"redis://127\.0\.0\.1:1/0: .*refused"))


if __name__ == "__main__":
    unittest.main()
