#!/usr/bin/env python3
# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""new_project_test.py TROUPECTL PREFIX WORK COMPILER: makes a project, uses it as its owner would.

PREFIX has an installed Troupe. The project builds against it, its tests pass, one can be run by its
name and with a trace, the program runs; names that cannot be are refused with a sentence. Without
Troupe it says where to get it, and goes on to nothing else."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

troupectl, prefix, work, compiler = sys.argv[1:]
work = Path(work)
shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)
environment = dict(os.environ, TROUPE_PREFIX=prefix, CXX=compiler)


def run(*command, where=work, ok=True, **variables):
    done = subprocess.run(command, cwd=where, env=environment | variables, text=True, timeout=600,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if (done.returncode == 0) != ok:
        sys.exit(f"{command} ended with {done.returncode}\n{done.stdout}")
    return done.stdout


for name in ("My_App", "9lives", "a b", "../x", "class", "my__app", "x_", ""):
    assert "cannot be a project" in run(troupectl, "new", name, ok=False), name
assert "./dev test" in run(troupectl, "new", "my_app")
assert "is there already" in run(troupectl, "new", "my_app", ok=False)
project = work / "my_app"
for verb in ("build", "test", "run"):
    lost = run("./dev", verb, where=project, ok=False, TROUPE_PREFIX="/nowhere")
    assert "Troupe was not found" in lost and "TROUPE_PREFIX" in lost, lost
    after = lost.partition("errors occurred!")[2].split("\n")
    assert all(line.startswith("See also") or not line for line in after), lost
# What failed is tried again: nobody has to remove anything.
assert "100% tests passed" in run("./dev", "test", where=project)
one = run("./dev", "test", "counts_the_words", "--trace", where=project)
assert "1 tests passed" in one or "out of 1" in one, one
assert "counts_the_words_of_every_text" in one and "[ RUN      ]" in one, one
run("./dev", "test", "no_such_test", where=project, ok=False)
assert run("./dev", "run", where=project).endswith("3 words\n")
print("1 passed, 0 failed")
