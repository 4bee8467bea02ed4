#!/usr/bin/env python3
# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""docs/reference/seed-coverage.md says what is so: no cell is empty, no example is missing, and
what is said to run on every executor and over simulated seeds does."""
import re
import sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent
page = root / "docs/reference/seed-coverage.md"
problems = []
mentioned = set()
for number, line in enumerate(page.read_text().splitlines(), 1):
    if not line.startswith("| ") or line.startswith(("| system ", "| what ")):
        continue
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    if len(cells) != 4 or not all(cells):
        problems.append(f"line {number}: not four cells with something in each")
        continue
    mentioned.update(re.findall(r"examples/(\w+)/", line))
    tests = re.findall(r"\((?:\.\./)+(examples/\S+_test\.cpp)\)", cells[2])
    if "on every executor" in cells[3] and tests:
        text = "".join((root / test).read_text() for test in tests)
        if not re.search(r"on_every_executor[<(]", text) and not (
                "on_every_seed(" in text and "on_real_executors(" in text):
            problems.append(f"line {number}: {tests} runs on other executors than it says")
# Of no course: the README's, the tutorial's, the how-tos', and one beyond.
beside = {"readme", "exercises", "howto", "code_lock"}
for folder in sorted(path.name for path in (root / "examples").iterdir() if path.is_dir()):
    if folder not in mentioned | beside:
        problems.append(f"examples/{folder} is in no row: give the system that it shows one, or, "
                        "if no course has it, name the folder in examples/coverage_test.py")
problems = [f"{page.relative_to(root)}: {problem}" for problem in problems]
print("\n".join(problems) or f"{len(mentioned)} examples, every cell is filled")
sys.exit(bool(problems))
