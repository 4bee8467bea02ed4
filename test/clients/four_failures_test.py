#!/usr/bin/env python3
# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""four_failures_test.py GREENROOM: what web sessions lose in Redis, and here not.

Four failures that a Redis-backed session store has by its nature, each driven in the same way
against a real redis-server (where one is installed) and against Greenroom, with unmodified
commands. Prints a table of both; fails if Greenroom shows one of them.

- lost update: ten requests of one session at once, each reads it, adds a field and saves it
- logout undone: a slow request saves the session after somebody logged out
- late expiry events: sessions fall due among many that live; how many events come, how late
- acknowledged loss: kill -9 after writes were acknowledged, with the default settings

TROUPE_SESSIONS is the number of living sessions for the third (50,000), TROUPE_DUE of those that
fall due (2,000), within TROUPE_SPREAD seconds (0: all at one moment).
"""
import json
import os
import shutil
import signal
import sys
import tempfile
import time

from greenroom_process import Client, Greenroom, pack
from redis_process import RedisServer

RULE = "tombstone=60s merge=json"
LIVE = int(os.environ.get("TROUPE_SESSIONS", "50000"))
DUE = int(os.environ.get("TROUPE_DUE", "2000"))
SPREAD = float(os.environ.get("TROUPE_SPREAD", "0"))
WAIT = 5.0  # seconds, for the events of sessions that fell due
FIELDS, TRIALS, LOGOUTS, WRITES = 10, 20, 20, 20_000


class Redis(RedisServer):
    name = "redis-server"
    wait = WAIT

    def kill_and_restart(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.start()


class Ours:
    name = "greenroom"
    wait = 120.0  # all come, on a busy machine too

    def __init__(self, data):
        self.data = data
        self.server = Greenroom(PROGRAM, data)
        self.port = self.server.port
        self.configure()

    def configure(self):
        with Client(self.port) as client:
            assert client("CONFIG", "SET", "prefix:sess:", RULE) == "OK"

    def kill_and_restart(self):
        self.server.kill()
        self.server.__exit__()
        self.server = Greenroom(PROGRAM, self.data, port=self.port)
        self.configure()

    def end(self):
        self.server.__exit__()


def lost_update(port):
    """The number of fields of ten that survive, on average."""
    kept = 0
    clients = [Client(port) for _ in range(FIELDS)]
    for trial in range(TRIALS):
        key = f"sess:update{trial}"
        clients[0]("SET", key, json.dumps({"cookie": {}}), "EX", 3600)
        read = [json.loads(client("GET", key)) for client in clients]
        for number, (client, session) in enumerate(zip(clients, read)):
            session[f"field{number}"] = number
            assert client("SET", key, json.dumps(session), "EX", 3600) == "OK"
        final = json.loads(clients[0]("GET", key))
        kept += sum(f"field{number}" in final for number in range(FIELDS))
    for client in clients:
        client.close()
    return kept / TRIALS


def logout_undone(port):
    """How many of the sessions are alive again after logging out."""
    undone = 0
    with Client(port) as slow, Client(port) as user:
        for trial in range(LOGOUTS):
            key = f"sess:logout{trial}"
            user("SET", key, '{"user":"alice"}', "EX", 3600)
            session = json.loads(slow("GET", key))
            assert user("DEL", key) == 1
            session["seen"] = True
            assert slow("SET", key, json.dumps(session), "EX", 3600) == "OK"
            undone += user("EXISTS", key)
    return undone


def fill(client, count, name, *options):
    """SETs in pipelines."""
    step = 1_000
    for start in range(0, count, step):
        numbers = range(start, min(start + step, count))
        client.socket.sendall(b"".join(
            pack("SET", f"plain:{name}{i}", "x" * 100, *options) for i in numbers))
        for _ in numbers:
            assert client.read() == "OK"


def fill_those_due(client, patience):
    """Their moments (ms), the first after a while that grows with `patience`."""
    due = int(time.time() * 1000) + (1_500 + DUE // 20) * patience
    moments = [due + int(1000 * SPREAD * number / DUE) for number in range(DUE)]
    for start in range(0, DUE, 1_000):
        part = range(start, min(start + 1_000, DUE))
        client.socket.sendall(b"".join(
            pack("SET", f"plain:due{i}", "x" * 100, "PXAT", moments[i]) for i in part))
        for _ in part:
            assert client.read() == "OK"
    return moments


def late_events(port, wait):
    """How late the `expired` events came (s), in that order; those within `wait` are waited for."""
    with Client(port) as client:
        assert client("CONFIG", "SET", "notify-keyspace-events", "Ex") == "OK"
        fill(client, LIVE, "live", "EX", 36_000)
        # On a busy machine some are due before the last is there; then they have to live longer.
        for patience in (1, 4, 16, 64):
            moments = fill_those_due(client, patience)
            listener = Client(port)
            listener("SUBSCRIBE", "__keyevent@0__:expired")
            if time.time() * 1000 < moments[0]:
                break
            listener.close()
        lateness = []
        with listener:
            listener.socket.settimeout(0.2)
            while time.time() < moments[-1] / 1000 + wait and len(lateness) < DUE:
                try:
                    event = listener.read()
                    assert event[0] == b"message"
                    moment = moments[int(event[2].removeprefix(b"plain:due"))]
                    lateness.append(time.time() - moment / 1000)
                except TimeoutError:
                    listener.file = listener.socket.makefile("rb")  # a timeout ends the old one
        client("FLUSHALL")
        return sorted(lateness)


def acknowledged_loss(server):
    """How many acknowledged writes are gone after kill -9 and a restart."""
    with Client(server.port) as client:
        fill(client, WRITES, "kept", "EX", 3600)
    server.kill_and_restart()
    with Client(server.port) as client:
        return WRITES - client("DBSIZE")


def measure(server):
    kept = lost_update(server.port)
    undone = logout_undone(server.port)
    lateness = late_events(server.port, server.wait)
    in_time = sum(late <= WAIT for late in lateness)
    worst = lateness[len(lateness) * 99 // 100] if lateness else float("nan")
    lost = acknowledged_loss(server)
    return kept, undone, in_time / DUE, worst, lost, len(lateness)


def main():
    results = {}
    kinds = ([Redis] if shutil.which("redis-server") else []) + [Ours]
    for kind in kinds:
        with tempfile.TemporaryDirectory(prefix="greenroom-failures-") as data:
            server = kind(data)
            try:
                results[kind.name] = measure(server)
            finally:
                server.end()
    rows = [
        ("lost update: fields kept of 10", lambda r: f"{r[0]:.2f}"),
        (f"logout undone, of {LOGOUTS}", lambda r: f"{r[1]}"),
        (f"expired events within {WAIT:.0f} s, {LIVE:,} live", lambda r: f"{100 * r[2]:.1f} %"),
        ("  the latest hundredth, after", lambda r: f"{1000 * r[3]:.0f} ms"),
        (f"acknowledged writes lost, of {WRITES:,}", lambda r: f"{r[4]}"),
    ]
    print(f"{'':46}" + "".join(f"{name:>16}" for name in results))
    for title, show in rows:
        print(f"{title:46}" + "".join(f"{show(result):>16}" for result in results.values()))
    kept, undone, _, _, lost, came = results["greenroom"]
    assert kept == FIELDS, "an update was lost"
    assert undone == 0, "a logout was undone"
    assert came == DUE, f"only {came} of {DUE} events came"
    assert lost == 0, "an acknowledged write was lost"
    if "redis-server" not in results:
        print("redis-server is not installed: only Greenroom's side was shown")


PROGRAM = sys.argv[1]
if __name__ == "__main__":
    main()
