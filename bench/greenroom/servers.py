# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""The two servers that are compared, each as a program of its own, and a pipelining client."""
import os
import random
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

START_LIMIT = 60  # seconds


class Client:
    """A blocking connection that sends many commands before it reads the replies."""

    def __init__(self, port, timeout=60):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.left = b""

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, *commands):
        self.socket.sendall(b"".join(pack(*command) for command in commands))

    def lines(self, count):
        """Replies of one line each, which must not be errors."""
        while self.left.count(b"\r\n") < count:
            more = self.socket.recv(1 << 18)
            if not more:
                raise EOFError("the server closed the connection")
            self.left += more
        taken = self.left.split(b"\r\n", count)
        self.left = taken.pop()
        for line in taken:
            if line[:1] == b"-":
                raise RuntimeError(line.decode())
        return taken

    def __call__(self, *words):
        self.send(words)
        return self.lines(1)[0]


def pack(*words):
    out = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word if isinstance(word, bytes) else str(word).encode()
        out.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(out)


class Server:
    """A server with a data directory of its own. `mode`: memory, default, durable."""

    def __init__(self, mode, program=None, data=None):
        self.mode, self.program = mode, program
        self.data = data or tempfile.mkdtemp(prefix=f"bench-{self.name}-")
        self.port = free_port()
        self.process = None
        self.start()

    def start(self):
        """Starts it; the seconds until it answers a command about a session."""
        begin = time.perf_counter()
        self.log = open(os.path.join(self.data, "log"), "ab")
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log)
        while True:
            try:
                with Client(self.port) as client:
                    client("EXISTS", "nobody")
                return time.perf_counter() - begin
            except (OSError, EOFError, RuntimeError):  # not there yet, or -LOADING
                if self.process.poll() is not None or time.perf_counter() - begin > START_LIMIT:
                    raise RuntimeError(f"{self.name} did not start: see {self.log.name}") from None
                time.sleep(0.002)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        self.process.wait(120)

    def remove(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.data, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()

    def resident(self):
        """Bytes of memory."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) * 1024

    def settled(self, limit=30):
        """The same, once it has stopped to shrink or grow: packing goes on in the background."""
        before, end = self.resident(), time.time() + limit
        while time.time() < end:
            time.sleep(1)
            now = self.resident()
            if abs(now - before) < before // 400:
                return now
            before = now
        return before


class Redis(Server):
    name = "redis-server"

    def command(self):
        save = {"memory": ["--save", ""], "default": [],
                "durable": ["--save", "", "--appendonly", "yes", "--appendfsync", "always"]}
        return ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.data,
                "--enable-debug-command", "local", *save[self.mode]]

    def snapshot(self, client):
        """Begins one in the background; tells when it is done."""
        before = client("LASTSAVE")
        client("BGSAVE")
        return lambda: client("LASTSAVE") != before


class Greenroom(Server):
    name = "greenroom"

    def command(self):
        durability = {"memory": "memory", "default": "commit", "durable": "commit"}[self.mode]
        return [self.program, "serve", "--port", str(self.port), "--data", self.data,
                "--durability", durability]

    def snapshot(self, client):
        folder = Path(self.data) / "snapshots"
        before = len(list(folder.glob("*.snapshot")))
        client("BGSAVE")
        return lambda: len(list(folder.glob("*.snapshot"))) > before


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# --- Sessions as frameworks store them.

def express_session(bits, number):
    """163 bytes of express-session's JSON, of which a quarter is this session's own."""
    rest = bits.getrandbits(62)
    return (b'{"cookie":{"originalMaxAge":1800000,"expires":"2026-11-29T%02d:%02d:%02d.%03dZ",'
            b'"httpOnly":true,"path":"/"},"passport":{"user":%d},"views":%02d,"csrf":"%013x"}' %
            (rest % 24, rest % 60, rest // 60 % 60, rest % 1000, 1_000_000 + number % 9_000_000,
             10 + rest % 90, rest % (1 << 52)))


def key_of(number):
    """37 bytes: the prefix and an id as express makes them."""
    return b"sess:%032x" % (number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128))


def string_commands(bits, number):
    return [(b"SET", key_of(number), express_session(bits, number), b"EX", b"86400")]


def hash_commands(bits, number):
    """Five short fields, as Magento or a hand-written store has them."""
    return [(b"HSET", key_of(number), b"user", b"%07d" % number, b"created", b"1764433000",
             b"seen", b"%d" % (1764433000 + number % 1000), b"lang", b"en", b"cart",
             b"%08x" % bits.getrandbits(32)),
            (b"EXPIRE", key_of(number), b"86400")]


def spring_commands(bits, number):
    """Spring Session's: a hash, a shadow key whose expiry is the event, an entry in a set."""
    key = b"spring:session:sessions:%032x" % (number * 0x9E3779B97F4A7C15 % (1 << 128))
    return [(b"HSET", key, b"creationTime", b"1764433000000", b"lastAccessedTime",
             b"%d" % (1764433000000 + number), b"maxInactiveInterval", b"1800",
             b"sessionAttr:userId", b"%016x" % bits.getrandbits(64)),
            (b"EXPIRE", key, b"86400"),
            (b"APPEND", key.replace(b"sessions:", b"sessions:expires:"), b""),
            (b"EXPIRE", key.replace(b"sessions:", b"sessions:expires:"), b"86100"),
            (b"SADD", b"spring:session:expirations:%d" % (number // 1000), key[-32:])]


def aspnet_commands(bits, number):
    """ASP.NET Core's distributed cache: a hash with 180 bytes of serialised data."""
    data = (b"\x02\x00\x00\x01UserId\x00%08d\x00Theme\x00dark\x00Cart\x00" % number +
            b"%032x" % bits.getrandbits(128)).ljust(180, b"\x00")
    return [(b"HSET", key_of(number), b"absexp", b"-1", b"sldexp", b"12000000000", b"data", data),
            (b"EXPIRE", key_of(number), b"86400")]


LAYOUTS = {"string": string_commands, "hash": hash_commands, "spring": spring_commands,
           "aspnet": aspnet_commands}


def fill(port, count, commands_of, progress=lambda done: None, first=0, step=400):
    """Sends the sessions' commands in pipelines. Long ones share their waits for the disk."""
    bits = random.Random(first + 7)
    with Client(port) as client:
        for start in range(first, first + count, step):
            batch = [command for number in range(start, min(start + step, first + count))
                     for command in commands_of(bits, number)]
            client.send(*batch)
            client.lines(len(batch))
            progress(start + step - first)
