#!/usr/bin/env python3
# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""sleep_test.py GREENROOM: sessions that sleep, packed by a trained dictionary.

Whatever sleeps must wake as it was: with its value, its expiry, its user; after kill -9, after a
stop, and from a snapshot that is restored elsewhere. What its crash or its end leaves must be right
although nobody was awake to see to it.
"""
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import unittest

from greenroom_process import Client, Greenroom, ServerError, pack

PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else ""
SESSIONS = 6_000
LIMIT = 120  # seconds, for what happens in the background


def value(number):
    bits = random.Random(number)
    moment = f"2026-11-29T10:{bits.randrange(60):02}:00.{bits.randrange(1000):03}Z"
    return (f'{{"cookie":{{"originalMaxAge":1800000,"expires":"{moment}","httpOnly":true,'
            f'"path":"/"}},"user":"user{bits.randrange(10**6)}","views":{bits.randrange(100)}}}'
            ).encode()


def fill(client, numbers, *options):
    for start in range(0, len(numbers), 500):
        part = numbers[start:start + 500]
        client.socket.sendall(b"".join(pack("SET", f"sess:{n}", value(n), *options) for n in part))
        for _ in part:
            assert client.read() == "OK"


def wait_for(condition, what):
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen within {LIMIT} s"
        time.sleep(0.02)


def has_dictionary(server):
    return "packed with dictionary" in server.log_text()


class Sleep(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="greenroom-sleep-")
        self.addCleanup(self.folder.cleanup)
        self.data = pathlib.Path(self.folder.name) / "data"

    def start(self, *flags, data=None):
        server = Greenroom(PROGRAM, data or self.data, *flags)
        self.addCleanup(server.__exit__)
        client = Client(server.port)
        self.addCleanup(client.close)
        return server, client

    def check_all(self, client, count=SESSIONS):
        for start in range(0, count, 500):
            numbers = range(start, min(start + 500, count))
            client.socket.sendall(b"".join(pack("GET", f"sess:{n}") for n in numbers))
            for number in numbers:
                self.assertEqual(client.read(), value(number), f"sess:{number}")

    def packed(self):
        """A server with sessions of which the later ones are stored packed."""
        server, client = self.start()
        fill(client, range(3_000), "EX", 3600)
        wait_for(lambda: has_dictionary(server), "a dictionary")
        fill(client, range(3_000, SESSIONS), "EX", 3600)
        return server, client

    def test_values_come_back_after_a_kill_and_after_a_stop(self):
        server, client = self.packed()
        self.check_all(client)
        server.kill()
        server, client = self.start()
        self.assertEqual(client("DBSIZE"), SESSIONS)
        self.check_all(client)
        self.assertTrue(3500 < client("TTL", "sess:5999") <= 3600)
        self.assertEqual(server.stop(), 0, server.log_text())
        _, client = self.start()
        self.check_all(client)

    def test_a_snapshot_brings_the_dictionaries_along(self):
        server, client = self.packed()
        client("BGSAVE")
        folder = self.data / "snapshots"
        wait_for(lambda: list(folder.glob("*.snapshot")), "a snapshot")
        (snapshot,) = folder.glob("*.snapshot")
        elsewhere = pathlib.Path(self.folder.name) / "restored"
        done = subprocess.run([PROGRAM, "snapshot", "restore", str(snapshot), "--data",
                               str(elsewhere)], capture_output=True, text=True, timeout=LIMIT)
        self.assertEqual(done.returncode, 0, done.stderr)
        _, restored = self.start(data=elsewhere)
        self.assertEqual(restored("DBSIZE"), SESSIONS)
        self.check_all(restored)

    def test_sleepers_expire_on_time_and_say_so(self):
        server, client = self.start()
        client("CONFIG", "SET", "notify-keyspace-events", "Ex")
        # On a busy machine they are due before all is arranged; then they have to live longer.
        for life in (1, 4, 16, 64):
            client("FLUSHALL")
            listener = Client(server.port)
            self.addCleanup(listener.close)
            listener("SUBSCRIBE", "__keyevent@0__:expired")
            due = time.time() + life
            fill(client, range(200), "PXAT", int(due * 1000))
            fill(client, range(200, 300), "EX", 3600)
            client("EXPIRE", "sess:0", 3600)            # later,
            client("PERSIST", "sess:1")                 # never,
            client("PEXPIRE", "sess:200", 500 * life)   # and earlier than it was
            seen = [listener.read()[2]]
            if time.time() < due:
                break
        self.assertEqual(seen[0], b"sess:200")
        seen += [listener.read()[2] for _ in range(198)]
        self.assertNotIn(b"sess:0", seen)
        self.assertNotIn(b"sess:1", seen)
        self.assertLess(time.time() - due, LIMIT)
        self.assertEqual(client("DBSIZE"), 101)
        self.assertEqual(client("TTL", "sess:1"), -1)

    def test_what_expired_while_nothing_ran_is_gone(self):
        server, client = self.start()
        fill(client, range(100), "PX", 300)
        fill(client, range(100, 200), "EX", 3600)
        server.kill()
        time.sleep(0.4)
        _, client = self.start()
        wait_for(lambda: client("DBSIZE") == 100, "the expiry")
        self.assertIsNone(client("GET", "sess:5"))
        self.assertEqual(client("GET", "sess:150"), value(150))

    def test_users_and_tombstones_survive_sleep_and_restart(self):
        rule = "tombstone=60s user=/user"
        server, client = self.start()
        client("CONFIG", "SET", "prefix:sess:", rule)
        client("SET", "sess:a", '{"user":"alice","filler":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}')
        client("SET", "sess:b", '{"user":"alice","filler":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}')
        client("SET", "sess:c", '{"user":"bob","filler":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}')
        client("DEL", "sess:c")
        server.kill()
        _, client = self.start()
        client("CONFIG", "SET", "prefix:sess:", rule)
        client("SET", "sess:c", '{"user":"bob"}')
        self.assertIsNone(client("GET", "sess:c"))
        self.assertEqual(client("SESS.USER.REVOKE", "alice"), 2)
        self.assertIsNone(client("GET", "sess:a"))

    def test_a_crash_reads_what_is_stored(self):
        server, client = self.start("--enable-debug-command")
        fill(client, range(10), "EX", 3600)
        for _ in range(3):
            with self.assertRaises(ServerError):
                client("DEBUG", "PANIC", "sess:3")
            self.assertEqual(client("GET", "sess:3"), value(3))
        self.assertEqual(client("DBSIZE"), 10)

    def test_counts_are_right_when_everything_is_deleted(self):
        _, client = self.start("--durability", "memory")
        fill(client, range(1_000), "EX", 3600)
        fill(client, range(1_000, 2_000))
        self.assertEqual(client("DBSIZE"), 2_000)
        info = client("INFO", "keyspace").decode()
        self.assertIn("keys=2000,expires=1000", info)
        client("FLUSHALL")
        self.assertEqual(client("DBSIZE"), 0)
        fill(client, range(1_000))
        self.assertEqual(client("DBSIZE"), 1_000)

    def test_large_values_and_long_keys_are_served_too(self):
        server, client = self.start()
        large = b"x" * 300_000
        key = "k" * 60_000
        client("SET", "large", large, "EX", 3600)
        client("SET", key, "v")
        for _ in range(3):
            self.assertEqual(client("GET", "large"), large)
            self.assertEqual(client("GET", key), b"v")
        server.kill()
        _, client = self.start()
        self.assertEqual(client("GET", "large"), large)
        self.assertEqual(client("GET", key), b"v")


if __name__ == "__main__":
    unittest.main()
