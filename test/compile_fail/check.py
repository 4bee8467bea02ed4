#!/usr/bin/env python3
# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""check.py (--case FILE | --expect TEXT) -- COMMAND...

Passes when COMMAND fails and prints TEXT (line breaks and runs of spaces count as one space), so
that a case which starts to compile, or fails for another reason, is noticed. With --case the text
is in the first line of FILE, `// expect: TEXT`; `// expect: (compiles)` asks that COMMAND succeed.
"""
import argparse
import pathlib
import re
import subprocess
import sys

MARK = "// expect: "


def verdict(expected, status, output):
    """What is wrong, or None."""
    if expected == "(compiles)":
        return None if status == 0 else "it must compile and does not"
    if status == 0:
        return f"it was accepted; it must be refused with: {expected}"
    if " ".join(expected.split()) not in " ".join(re.sub(r"\n\s*", " ", output).split()):
        return f"it was refused for another reason; expected: {expected}"
    return None


def main():
    parser = argparse.ArgumentParser()
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--case", type=pathlib.Path)
    what.add_argument("--expect")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    expected = arguments.expect
    if arguments.case:
        first = arguments.case.read_text().split("\n", 1)[0]
        if not first.startswith(MARK) or not first[len(MARK):].strip():
            sys.exit(f"{arguments.case}:1: begin with `{MARK}part of the message`")
        expected = first[len(MARK):].strip()
    result = subprocess.run(arguments.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, check=False)
    wrong = verdict(expected, result.returncode, result.stdout)
    if wrong:
        sys.exit(f"{wrong}\n{result.stdout}")


if __name__ == "__main__":
    main()
