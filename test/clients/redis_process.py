# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""A real redis-server, to compare with."""
import socket
import subprocess
import time

from greenroom_process import Client


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RedisServer:
    """With its default settings, but for the port, the folder and what `flags` say."""

    def __init__(self, data, *flags):
        self.data, self.flags, self.port = data, flags, free_port()
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.data,
             *self.flags],
            stdout=subprocess.DEVNULL)
        for _ in range(200):
            try:
                with Client(self.port) as client:
                    client("PING")
                return
            except (OSError, EOFError):
                time.sleep(0.05)
        raise AssertionError("redis-server did not start")

    def end(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
