#!/usr/bin/env python3
# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""isolation_test.py GREENROOM: one session process of 10,000 crashes while 100 clients work.

Only who asks that session notices, and gets an error that says so; afterwards the value that was
stored last is there again. Nobody else sees an error or a wrong value, and the log holds the crash
report.
"""
import sys
import tempfile
import threading

from greenroom_process import Client, Greenroom, ServerError, pack

SESSIONS = 10_000
CLIENTS = 100
CRASHES = 20
VICTIM = "session:4242"


def fill(port):
    with Client(port) as client:
        for start in range(0, SESSIONS, 500):
            client.socket.sendall(b"".join(
                pack("SET", f"session:{i}", f"value {i}", "EX", 3600)
                for i in range(start, start + 500)))
            for _ in range(500):
                assert client.read() == "OK"
        assert client("DBSIZE") == SESSIONS


class Worker(threading.Thread):
    """Reads and changes sessions that only it uses, and never the victim."""

    def __init__(self, port, number, done):
        super().__init__(daemon=True)
        self.port, self.number, self.done = port, number, done
        self.rounds, self.failure = 0, None

    def run(self):
        try:
            with Client(self.port) as client:
                own = [f"session:{i}" for i in range(self.number, SESSIONS, CLIENTS)]
                own = [key for key in own if key != VICTIM]
                while not self.done.is_set() or self.rounds == 0:
                    key = own[self.rounds % len(own)]
                    expected = f"round {self.rounds} of {self.number}"
                    assert client("SET", key, expected, "EX", 3600) == "OK"
                    assert client("GET", key) == expected.encode()
                    self.rounds += 1
        except Exception as failure:  # whatever it is, it is the test's finding
            self.failure = failure


def main(program):
    with tempfile.TemporaryDirectory(prefix="greenroom-isolation-") as data, \
            Greenroom(program, data, "--enable-debug-command") as server:
        fill(server.port)
        done = threading.Event()
        workers = [Worker(server.port, number, done) for number in range(CLIENTS)]
        for worker in workers:
            worker.start()
        with Client(server.port) as client:
            for crash in range(CRASHES):
                value = f"stored before crash {crash}"
                assert client("SET", VICTIM, value, "EX", 3600) == "OK"
                try:
                    raise AssertionError(f"no crash: {client('DEBUG', 'PANIC', VICTIM)}")
                except ServerError as error:
                    assert "crashed, as asked" in str(error), error
                assert client("GET", VICTIM) == value.encode(), "the stored value is not back"
                assert 3000 < client("TTL", VICTIM) <= 3600
            done.set()
            for worker in workers:
                worker.join(60)
                assert not worker.is_alive(), f"client {worker.number} hangs"
                assert worker.failure is None, f"client {worker.number}: {worker.failure!r}"
            assert client("DBSIZE") == SESSIONS
        rounds = sum(worker.rounds for worker in workers)
        assert server.stop() == 0
        log = server.log_text()
        reports = log.count("DEBUG PANIC asked this session to crash")
        assert reports >= CRASHES, f"{reports} crash reports of {CRASHES}:\n{log}"
        for words in ("std::runtime_error", "SessionServer"):
            assert words in log, f"the crash report does not say {words}:\n{log}"
        print(f"{SESSIONS} sessions, {CLIENTS} clients did {rounds} rounds during {CRASHES} "
              "crashes of one session: nobody else noticed")


if __name__ == "__main__":
    main(sys.argv[1])
