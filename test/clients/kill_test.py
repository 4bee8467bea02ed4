#!/usr/bin/env python3
# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""kill_test.py GREENROOM: kills Greenroom with SIGKILL at random moments under load.

Several connections write numbers that only grow, each to keys of its own, as strings and as hash
fields, and now and then delete one. Whatever was acknowledged must be there after the restart, or
something newer that had been sent: no key may be older than its last acknowledgement. The data
files must open, and no key may hold what nobody wrote.

TROUPE_KILLS sets the number of kills (10; 100 in the nightly run), TROUPE_SEED the random moments
(printed).
"""
import os
import random
import sys
import tempfile
import threading
import time

from greenroom_process import Client, Greenroom, ServerError, pack

CONNECTIONS = 8
KEYS = 40  # per connection
PIPELINE = 8


class Writer(threading.Thread):
    """One connection's load. `state`: by key, the newest number acknowledged, and sent."""

    def __init__(self, port, number, state, seed):
        super().__init__(daemon=True)
        self.port, self.number, self.state = port, number, state
        self.random = random.Random(seed)
        self.failure = None
        self.has_written = threading.Event()

    def run(self):
        try:
            with Client(self.port, 30) as client:
                while True:
                    self.round(client)
        except (OSError, EOFError):
            pass  # the kill
        except (AssertionError, ServerError) as failure:
            self.failure = failure

    def round(self, client):
        batch = []
        request = b""
        for _ in range(self.random.randint(1, PIPELINE)):
            key = f"w{self.number}:{self.random.randrange(KEYS)}"
            entry = self.state.setdefault(key, [0, 0])
            entry[1] += 1
            batch.append((key, entry[1]))
            request += self.command(key, entry[1])
        client.socket.sendall(request)
        for key, value in batch:
            client.read()
            self.state[key][0] = value
        self.has_written.set()

    @staticmethod
    def command(key, value):
        filler = "x" * (value * 37 % 900)
        if is_hash(key):
            return pack("HSET", key, "n", value, "filler", filler)
        if value % 10 == 0:
            return pack("DEL", key)
        return pack("SET", key, f"{value}:{filler}", "EX", 3600)


def is_hash(key):
    return int(key.split(":")[1]) % 4 == 0


def stored_number(client, key):
    """The number that the key holds; None: it is not there."""
    if is_hash(key):
        number, filler = client("HMGET", key, "n", "filler")
        if number is None:
            return None
        number, filler = int(number), filler.decode()
    else:
        value = client("GET", key)
        if value is None:
            return None
        number, filler = value.decode().split(":")
        number = int(number)
    assert filler == "x" * (number * 37 % 900), f"{key} holds what nobody wrote"
    return number


def check(port, state):
    """Every key against what was acknowledged; what it holds now is where its count goes on."""
    with Client(port) as client:
        for key, (acknowledged, sent) in state.items():
            number = stored_number(client, key)
            if number is None and is_hash(key):
                assert acknowledged == 0, f"{key} is gone, {acknowledged} was acknowledged"
            elif number is None:
                # Deleted by every tenth number: one of these must be new enough.
                newest_delete = sent // 10 * 10
                assert acknowledged == 0 or newest_delete >= acknowledged, (
                    f"{key} is gone, {acknowledged} was acknowledged, {sent} sent")
            else:
                assert acknowledged <= number <= sent, (
                    f"{key} holds {number}, {acknowledged} was acknowledged, {sent} sent")
            state[key] = [number or 0, sent]
        return len(state)


def main(program):
    usual = "100" if "TROUPE_NIGHTLY" in os.environ else "10"
    kills = int(os.environ.get("TROUPE_KILLS", usual))
    seed = int(os.environ.get("TROUPE_SEED", str(random.randrange(1 << 30))))
    print(f"seed {seed}, {kills} kills")
    moments = random.Random(seed)
    state = [{} for _ in range(CONNECTIONS)]
    port, checked = 0, 0
    with tempfile.TemporaryDirectory(prefix="greenroom-kill-") as data:
        for kill in range(kills):
            with Greenroom(program, data, "--durability", "commit", port=port) as server:
                port = server.port
                writers = [Writer(port, number, state[number], seed + kill * CONNECTIONS + number)
                           for number in range(CONNECTIONS)]
                for writer in writers:
                    writer.start()
                # On a busy machine it takes a while until there is a load at all.
                for writer in writers:
                    assert writer.has_written.wait(60) or writer.failure, "nothing is written"
                time.sleep(moments.uniform(0.02, 0.8))
                server.kill()
                for writer in writers:
                    writer.join(60)
                    assert not writer.is_alive(), "a connection outlived the server"
                    assert writer.failure is None, f"under load: {writer.failure}"
            with Greenroom(program, data, "--durability", "commit", port=port) as server:
                for part in state:
                    checked += check(port, part)
                if kill % 2 == 0:
                    server.kill()  # right after the recovery, before anything was tidied up
                else:
                    assert server.stop() == 0, server.log_text()
        writes = sum(sent for part in state for _, sent in part.values())
        assert writes >= CONNECTIONS * kills, f"hardly any load: {writes} writes"
    print(f"{kills} kills, {writes} writes sent, {checked} keys checked: none lost, none torn")


if __name__ == "__main__":
    main(sys.argv[1])
