#!/usr/bin/env python3
# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""Stops example_graceful_stop with SIGTERM and with SIGINT while it works."""
import re
import signal
import subprocess
import sys

for number in (signal.SIGTERM, signal.SIGINT):
    program = subprocess.Popen([sys.argv[1]], stdout=subprocess.PIPE, text=True)
    assert program.stdout.readline() == "working\n"
    program.send_signal(number)
    rest, _ = program.communicate(timeout=60)
    print(rest)
    assert program.returncode == 0, program.returncode
    # The piece under way when the signal came is in the journal.
    assert re.fullmatch(r"worker stops: shutdown\njournal closed after piece [1-9]\d*\n"
                        r"everything is stopped\n", rest), rest
print("1 passed, 0 failed")
