#!/usr/bin/env python3
# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""Installs Node's clients and stores under the build directory and drives them:
run.py BUILD_FOLDER GREENROOM express|koa|fastify

The packages are those of package-lock.json, with its checksums, and are installed once. Exit status
77 (skipped) says that Node or npm is missing.
"""
import fcntl
import hashlib
import pathlib
import shutil
import subprocess
import sys

SOURCES = ("package.json", "package-lock.json", "apps.js", "drive.js", "stores.js")


def install(source, folder):
    """Copies the programs and installs their packages, unless exactly these are there already."""
    for name in SOURCES:
        shutil.copyfile(source / name, folder / name)
    wanted = hashlib.sha256((source / "package-lock.json").read_bytes()).hexdigest()
    mark = folder / "installed"
    if mark.exists() and mark.read_text() == wanted:
        return True
    mark.unlink(missing_ok=True)
    # The stores name the clients of their time as peers; here they are under other names.
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline",
               "--legacy-peer-deps"]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    if done.returncode != 0:
        print(done.stdout)
        print("npm ci failed: the packages of package-lock.json could not be installed")
        return False
    mark.write_text(wanted)
    return True


def main(build, greenroom, framework):
    for tool in ("node", "npm"):
        if not shutil.which(tool):
            print(f"skipped: {tool} is not installed (tools/setup clients)")
            return 77
    folder = pathlib.Path(build)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:  # the frameworks' tests run at the same time
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not install(pathlib.Path(__file__).parent, folder):
            return 1
    return subprocess.run(["node", "drive.js", greenroom, framework], cwd=folder,
                          check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
