#!/usr/bin/env python3
# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""clock_test.py GREENROOM CLOCK_SHIFT: somebody sets the clock by an hour, forward or back.

Deadlines are moments of the calendar, as in Redis: forward, what is due by then is gone at once;
back, nothing lives for ever and nothing new is late. CLOCK_SHIFT is the library that sets the
clock of one program.
"""
import os
import pathlib
import struct
import sys
import tempfile
import time
import unittest

from greenroom_process import Client, Greenroom

PROGRAM, SHIFT = "", ""
HOUR = 3_600


class Clock(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="greenroom-clock-")
        self.addCleanup(self.folder.cleanup)
        self.file = pathlib.Path(self.folder.name, "shift")
        self.file.write_bytes(struct.pack("q", 0))

    def set_clock(self, seconds):
        with open(self.file, "r+b") as file:
            file.write(struct.pack("q", seconds))

    def serve(self, **options):
        return Greenroom(PROGRAM, pathlib.Path(self.folder.name, "data"),
                         prefix=("env", f"LD_PRELOAD={SHIFT}", f"TROUPE_CLOCK_SHIFT={self.file}"),
                         **options)

    def wait_until(self, holds, what):
        limit = time.monotonic() + 120
        while not holds():
            self.assertLess(time.monotonic(), limit, what)

    def test_an_hour_forward_what_is_due_is_gone_and_the_rest_stays(self):
        with self.serve() as server, Client(server.port) as client:
            client("CONFIG", "SET", "prefix:s:", "tombstone=60s idle=2h")
            client("SET", "soon", "x", "EX", 1_800)
            client("SET", "later", "x", "EX", 2 * HOUR)
            client("SET", "s:a", "x")
            self.set_clock(HOUR)
            self.assertIsNone(client("GET", "soon"))
            self.assertTrue(HOUR - 60 < client("TTL", "later") <= HOUR)
            self.assertEqual(client("GET", "s:a"), b"x")
            self.assertTrue(2 * HOUR - 60 < client("TTL", "s:a") <= 2 * HOUR)
            # What begins now ends in its time.
            client("SET", "new", "x", "PX", 300)
            self.wait_until(lambda: client("EXISTS", "new") == 0, "a new key lived on")
            self.set_clock(0)
            self.assertEqual(client("GET", "later"), b"x")
            self.assertTrue(2 * HOUR - 60 < client("TTL", "later") <= 2 * HOUR)
            self.assertEqual(client("OBJECT", "IDLETIME", "s:a"), 0)
            self.assertEqual(server.stop(), 0)

    def test_an_hour_forward_a_large_session_that_is_due_is_gone_unasked(self):
        with self.serve() as server, Client(server.port) as client:
            # Values of this size stay awake.
            client("SET", "soon", "x" * 20_000, "EX", 1_800)
            client("SET", "later", "x" * 20_000, "EX", 2 * HOUR)
            self.set_clock(HOUR)
            self.wait_until(lambda: client("DBSIZE") == 1, "it was still there")
            self.assertEqual(client("STRLEN", "later"), 20_000)
            self.assertEqual(server.stop(), 0)

    def test_locks_and_waits_for_them_take_their_time_whatever_the_clock_says(self):
        with (self.serve() as server, Client(server.port) as owner, Client(server.port) as other):
            # An hour forward a lock is not over.
            token = owner("SESS.LOCK", "s", "PX", 600_000)
            self.set_clock(HOUR)
            self.assertIsNone(other("SESS.LOCK", "s"))
            self.assertEqual(owner("SESS.UNLOCK", "s", token), 1)
            # An hour back it ends in its time, and so does waiting for it.
            token = owner("SESS.LOCK", "s", "PX", 500)
            other.send("SESS.LOCK", "s", "WAIT", 60_000, "PX", 600_000)
            self.set_clock(-HOUR)
            self.assertGreater(other.read(), token)
            owner.send("SESS.LOCK", "s", "WAIT", 500)
            self.set_clock(-2 * HOUR)
            self.assertIsNone(owner.read())
            self.assertEqual(server.stop(), 0)

    def test_an_hour_back_nothing_new_is_late_and_nothing_is_busy(self):
        with self.serve() as server, Client(server.port) as client:
            # On a busy machine some are due before the clock is set; then they have to live longer.
            for life in (1, 4, 16, 64):
                began = time.monotonic()
                for i in range(100):
                    client.send("SET", f"before:{i}", "x", "PX", 1_000 * life)
                for i in range(100):
                    client.read()
                self.set_clock(-HOUR)
                if time.monotonic() - began < life:
                    break
                self.set_clock(0)
            client("SET", "new", "x", "PX", 1_000 * life + 500)
            self.wait_until(lambda: client("EXISTS", "new") == 0, "a new key lived on")
            # The timers of the others have fired by now, an hour before their deadlines.
            self.assertEqual(client("EXISTS", *[f"before:{i}" for i in range(100)]), 100)
            self.assertTrue(HOUR - 60 < client("TTL", "before:0") <= HOUR + 1)
            before = self.cpu_seconds(server)
            began = time.monotonic()
            while time.monotonic() - began < 1:
                client("PING")
                time.sleep(0.05)
            # Timers that fire again and again would take a core.
            self.assertLess(self.cpu_seconds(server) - before, 0.7)
            self.set_clock(0)
            self.assertEqual(client("EXISTS", "before:0"), 0)
            server.kill()
            port = server.port
        self.set_clock(-HOUR)
        with self.serve(port=port) as server, Client(server.port) as client:
            self.assertEqual(client("PING"), "PONG")
            self.assertEqual(server.stop(), 0)

    @staticmethod
    def cpu_seconds(server):
        with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    PROGRAM, SHIFT = sys.argv.pop(1), sys.argv.pop(1)
    unittest.main(verbosity=2)
