#!/usr/bin/env python3
# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""faults_test.py GREENROOM: what the machine does to a server.

What prevents a start is one sentence on stderr and exit code 1, never a crash. A disk that is full
refuses writes in Redis' words, keeps serving what is there, and is used again when it has room.
"""
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.request

from greenroom_process import Client, Greenroom, ServerError

PROGRAM = ""


def metric(port, name):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    return float(re.search(rf"^greenroom_{name} (\S+)$", text, re.M)[1])


class Faults(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="greenroom-faults-")
        self.data = pathlib.Path(self.folder.name, "data")

    def tearDown(self):
        self.folder.cleanup()

    def assert_refused(self, words, *flags):
        done = subprocess.run([PROGRAM, *flags], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        sentences = [line for line in done.stderr.splitlines() if line.startswith("greenroom: ")]
        self.assertEqual(len(sentences), 1, done.stderr)
        self.assertIn(words, sentences[0])
        self.assertEqual(done.stdout, "")

    def serve(self, *flags, **options):
        return Greenroom(PROGRAM, self.data, *flags, **options)

    def test_a_port_in_use_is_named(self):
        with self.serve() as server:
            self.assert_refused(f"127.0.0.1:{server.port}", "serve", "--port", str(server.port),
                                "--data", self.folder.name + "/other")
            with Client(server.port) as client:
                self.assertEqual(client("PING"), "PONG")

    def test_a_data_directory_is_named_where_it_is_used(self):
        with self.serve() as server, Client(server.port) as client:
            self.assertIn(f"(data in {self.data}, durability commit)", server.greeting)
            self.assertEqual(client("CONFIG", "GET", "dir"), [b"dir", str(self.data).encode()])
        with self.serve("--durability", "memory") as server, Client(server.port) as client:
            self.assertIn("(durability memory: nothing is kept)", server.greeting)
            self.assertEqual(client("CONFIG", "GET", "dir"), [b"dir", b""])

    def test_a_data_directory_in_use_is_refused(self):
        with self.serve() as server:
            self.assert_refused(str(self.data), "serve", "--port", "0", "--data", str(self.data))
            with Client(server.port) as client:
                self.assertEqual(client("SET", "k", "v"), "OK")

    def test_a_data_directory_that_cannot_be_made_is_named(self):
        self.assert_refused("/proc/greenroom", "serve", "--port", "0", "--data", "/proc/greenroom")

    def test_a_file_in_the_place_of_the_data_directory_is_named(self):
        self.data.write_text("a file")
        self.assert_refused(str(self.data), "serve", "--port", "0", "--data", str(self.data))

    def test_wrong_flags_are_named(self):
        for words, flags in (("--bogus", ("serve", "--bogus")),
                             ("--port", ("serve", "--port", "many")),
                             ("--port", ("serve", "--port", "99999")),
                             ('"often" is none of commit, memory, relaxed',
                              ("serve", "--durability", "often")),
                             ("--max-memory", ("serve", "--max-memory", "-1")),
                             ("--max-memory", ("serve", "--max-memory", "1000")),
                             ("serve, import", ("sevre", "--port", "0")),
                             ("serve, import", ()),
                             ("--max-value-bytes", ("serve", "--max-value-bytes", "-1")),
                             ("nowhere", ("serve", "--bind", "nowhere", "--data", str(self.data)))):
            with self.subTest(flags):
                self.assert_refused(words, *flags)

    def test_a_directory_in_the_place_of_the_configuration_file_is_named(self):
        done = subprocess.run([PROGRAM, "serve", "--config", self.folder.name, "--check-config"],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn(f"{self.folder.name}: is a directory", done.stderr)

    def test_a_version_is_told(self):
        done = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, timeout=60,
                              check=False)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^greenroom \d+\.\d+\.\d+\n$")

    def test_damaged_files_are_refused(self):
        for engine, pattern in (("log", "*.log/log-*"), ("sqlite", "*.db")):
            with self.subTest(engine=engine):
                shutil.rmtree(self.data, ignore_errors=True)
                self.damage(engine, pattern)

    def damage(self, engine, pattern):
        with self.serve("--shards", "1", "--engine", engine) as server:
            with Client(server.port) as client:
                for i in range(2_000):
                    client.send("SET", f"key:{i}", f"{i}:" + "x" * 200)
                for i in range(2_000):
                    self.assertEqual(client.read(), "OK")
            self.assertEqual(server.stop(), 0)
        intact = pathlib.Path(self.folder.name, "intact-" + engine)
        shutil.copytree(self.data, intact)
        (file,) = self.data.glob(pattern)
        size = file.stat().st_size
        # The header, the first pages, pages in the middle and at the end, and a file cut short.
        for at, count in ((0, 64), (100, 4_000), (4_096, 8_192), (size // 2, 16_384),
                          (size - 4_096, 4_096)):
            with self.subTest(at=at):
                with open(file, "r+b") as damaged:
                    damaged.seek(at)
                    damaged.write(b"\xa5" * count)
                self.assert_refused(file.name, "serve", "--port", "0", "--data", str(self.data))
            shutil.rmtree(self.data)
            shutil.copytree(intact, self.data)
        with self.subTest("cut"):
            with open(file, "r+b") as damaged:
                damaged.truncate(size // 2)
            self.assert_refused(file.name, "serve", "--port", "0", "--data", str(self.data))
        shutil.rmtree(self.data)
        shutil.copytree(intact, self.data)
        with self.serve() as server, Client(server.port) as client:
            self.assertEqual(client("DBSIZE"), 2_000)

    def test_a_directory_keeps_the_engine_it_was_made_with(self):
        # What versions before the log made looks like this one of SQLite.
        for engine, other in (("sqlite", "log"), ("log", "sqlite")):
            with self.subTest(engine=engine):
                shutil.rmtree(self.data, ignore_errors=True)
                with self.serve("--engine", engine) as server, Client(server.port) as client:
                    self.assertEqual(client("SET", "kept", "by " + engine), "OK")
                    self.assertEqual(client("HSET", "hash", "field", "1"), 1)
                    server.kill()
                for flags in ((), ("--engine", other)):
                    with self.serve(*flags) as server, Client(server.port) as client:
                        self.assertIn(f"greenroom_engine:{engine}".encode(), client("INFO"))
                        self.assertEqual(client("GET", "kept"), f"by {engine}".encode())
                        self.assertEqual(client("HGET", "hash", "field"), b"1")
                        self.assertEqual(client("SET", "more", "since then"), "OK")
                        self.assertEqual(server.stop(), 0)

    def test_a_full_disk_refuses_writes_and_is_used_again_when_it_has_room(self):
        for engine in ("log", "sqlite"):
            with self.subTest(engine=engine):
                shutil.rmtree(self.data, ignore_errors=True)
                self.fill_disk(engine)

    def fill_disk(self, engine):
        flags = ("--shards", "1", "--engine", engine, "--http-port", "0")
        with self.serve(*flags) as server, Client(server.port) as client:
            self.assertEqual(client("SET", "before", "kept"), "OK")
            server.process.stdout.readline()  # what to try
            http = re.search(r"HTTP on http://[\d.]+:(\d+)", server.process.stdout.readline())[1]
            # A limit of the size of files is a full disk to the program that has it.
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (256 << 10, -1))
            refused = None
            for i in range(50):
                try:
                    self.assertEqual(client("SET", f"large:{i}", b"x" * 32_768), "OK")
                except ServerError as error:
                    refused = str(error)
                    break
            self.assertIsNotNone(refused, "the disk was never full")
            self.assertTrue(refused.startswith("MISCONF "), refused)
            self.assertEqual(client("GET", "before"), b"kept")
            self.assertIn(b"aof_last_write_status:err", client("INFO", "persistence"))
            self.assertEqual(metric(http, "storage_shards_failing"), 1)
            failed = metric(http, "storage_writes_failed_total")
            self.assertGreater(failed, 0)
            with Client(server.port) as other:
                self.assertEqual(other("PING"), "PONG")
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (-1, -1))
            self.assertEqual(client("SET", "after", "stored"), "OK")
            self.assertIn(b"aof_last_write_status:ok", client("INFO", "persistence"))
            self.assertEqual(metric(http, "storage_shards_failing"), 0)
            self.assertGreaterEqual(metric(http, "storage_writes_failed_total"), failed)
            self.assertIn("writes are refused", server.log_text())
            server.kill()
        with self.serve() as server, Client(server.port) as client:
            self.assertEqual(client("GET", "before"), b"kept")
            self.assertEqual(client("GET", "after"), b"stored")

    def test_a_small_disk_that_fills_up_loses_nothing_that_was_acknowledged(self):
        # A file system of 4 MB that only this server sees, half of it taken by somebody else.
        wrapper = pathlib.Path(self.folder.name, "on-a-small-disk")
        wrapper.write_text(f"""#!/bin/sh
exec unshare --mount sh -c 'mount -t tmpfs -o size=4m tmpfs "{self.data}" &&
  head -c 2000000 /dev/zero >"{self.data}/somebody-elses" && exec "{PROGRAM}" "$@"' sh "$@"
""")
        wrapper.chmod(0o755)
        self.data.mkdir()
        if subprocess.run(["unshare", "--mount", "true"], capture_output=True,
                          check=False).returncode != 0:
            self.skipTest("mounting a file system needs root")
        acknowledged = []
        with Greenroom(str(wrapper), self.data, "--shards", "1") as server:
            with Client(server.port) as client:
                for i in range(400):
                    try:
                        client("SET", f"key:{i}", f"{i}:".encode() + b"x" * 16_384)
                    except ServerError as error:
                        self.assertTrue(str(error).startswith("MISCONF "), error)
                        break
                    acknowledged.append(i)
                self.assertLess(len(acknowledged), 400, "4 MB held more than 6 MB")
                self.assertGreater(len(acknowledged), 10)
                for i in acknowledged:
                    self.assertTrue(client("GET", f"key:{i}").startswith(f"{i}:".encode()))
                # Through the server's own view of the files.
                seen = pathlib.Path(f"/proc/{server.process.pid}/root{self.data}")
                (seen / "somebody-elses").unlink()
                self.assertEqual(client("SET", "after", "stored"), "OK")
                self.assertEqual(client("GET", "after"), b"stored")


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main(verbosity=2)
