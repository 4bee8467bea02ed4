# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""What the tests in this folder share: Greenroom as a program of its own, and a small client."""
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading

START_LIMIT = 180  # seconds; a sanitized build on a busy machine is slow


class Greenroom:
    """A server on a port that the system picks (or a given one); ends when the block is left."""

    def __init__(self, program, data, *flags, port=0, prefix=(), log=None):
        self.log = log or tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [*prefix, program, "serve", "--port", str(port), "--data", str(data), *flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, text=True)
        overdue = threading.Timer(START_LIMIT, self.process.kill)
        overdue.start()
        line = self.process.stdout.readline()
        overdue.cancel()
        found = re.search(r"listens on [\d.]+:(\d+)", line)
        if not found:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"no start-up line but {line!r}; log: {self.log_text()}")
        self.port = int(found[1])
        self.greeting = line

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """Stops it in order; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(START_LIMIT)

    def log_text(self):
        # The server writes where the position of this file is, so that nobody else may move it.
        size = os.fstat(self.log.fileno()).st_size
        return os.pread(self.log.fileno(), size, 0).decode(errors="replace")

    def errors(self):
        """Lines of the log that tell of an error: the server's own, or a sanitizer's. A warning may
        show a stack, and so the names of functions and files that have the word in them."""
        is_less = re.compile(r"\S+Z (debug|info|notice|warning) ")
        return [line for line in self.log_text().splitlines()
                if "error" in line.lower() and not is_less.match(line)]

    def status(self, field):
        """A number of /proc/PID/status, in KiB where it has a unit."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return int(re.search(rf"^{field}:\s+(\d+)", status.read(), re.M)[1])

    def is_sanitized(self):
        """Sanitizers reserve terabytes of addresses; their memory is not what is measured here."""
        return self.status("VmSize") > 1 << 30


class ServerError(Exception):
    """A RESP error reply."""


class Client:
    """A blocking RESP2 connection."""

    def __init__(self, port, timeout=60):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, *words):
        self.socket.sendall(pack(*words))

    def read(self):
        """One reply; None for a null, ServerError raised for an error, EOFError at the end."""
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError("the connection was closed")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise ServerError(rest.decode())
        if kind == b"+":
            return rest.decode()
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self.file.read(size + 2)[:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        raise AssertionError(f"not a reply: {line!r}")

    def __call__(self, *words):
        self.send(*words)
        return self.read()


def pack(*words):
    out = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word if isinstance(word, bytes) else str(word).encode()
        out.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(out)
