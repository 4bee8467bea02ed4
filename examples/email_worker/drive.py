#!/usr/bin/env python3
# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""Runs example_email_worker against aiosmtpd, and against a port where nobody listens."""
import socket
import subprocess
import sys

from aiosmtpd.controller import Controller


class Inbox:
    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(envelope)
        return "250 accepted"


def run(port):
    done = subprocess.run([sys.argv[1], str(port)], capture_output=True, text=True, timeout=60)
    print(done.stdout, done.stderr)
    assert done.returncode == 0, done.returncode
    return done.stdout.splitlines()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


inbox = Inbox()
controller = Controller(inbox, hostname="127.0.0.1", port=free_port())
controller.start()
try:
    assert run(controller.port) == ["both are on their way", "delivered 1, failed 1"]
finally:
    controller.stop()
(mail,) = inbox.mails
assert mail.rcpt_tos == ["user@example.com"], mail.rcpt_tos
text = mail.content.decode()
assert "Subject: Hello\r\n" in text, text
assert text.endswith("\r\n\r\nWorld\r\n.\r\n..and a line with dots\r\n"), text
# Nobody listens, nor can: tried three times, then counted, and the worker lives.
with socket.socket() as taken:
    taken.bind(("127.0.0.1", 0))
    assert run(taken.getsockname()[1]) == ["both are on their way", "delivered 0, failed 2"]
print("1 passed, 0 failed")
