#!/usr/bin/env python3
# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""Session clients as Debian packages them, against Greenroom: run.py GREENROOM KIND

Each kind is a program in this folder that is called twice with a port and a password: `begin` has
to be refused with a wrong password, logs users in and changes their sessions, and prints the ids;
Greenroom is then killed and started again; `end` finds the sessions as they were, the short one
expired, and logs out. Exit status 77 (skipped): the language or the library is not installed.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))
from greenroom_process import Greenroom  # noqa: E402

PASSWORD = "right"
PYTHON = "/usr/bin/python3"  # Debian's, which sees Debian's packages
GO_PATH = "/usr/share/gocode"

# By kind: the command, what must be there (a program, or a file), and more environment.
KINDS = {
    "phpredis": (["php", FOLDER / "phpredis.php"], ["php", "/usr/lib/php/20220829/redis.so"]),
    "predis": (["php", FOLDER / "symfony_predis.php"],
               ["php", "/usr/share/php/Predis/Autoloader.php",
                "/usr/share/php/Symfony/Component/HttpFoundation/autoload.php"]),
    "django": ([PYTHON, FOLDER / "django_sessions.py"],
               [PYTHON, "/usr/lib/python3/dist-packages/django_redis"]),
    "flask": ([PYTHON, FOLDER / "flask_sessions.py"],
              [PYTHON, "/usr/lib/python3/dist-packages/flask_session"]),
    "rack": (["ruby", FOLDER / "rack_sessions.rb"],
             ["ruby", "/usr/share/rubygems-integration/all/specifications/"
                      "redis-rack-2.1.2.gemspec"]),
    "redigo": (["go", "run", FOLDER / "redigo.go"], ["go", f"{GO_PATH}/src/github.com/gomodule"]),
}


def main(program, kind):
    command, needs = KINDS[kind]
    for need in needs:
        if not (pathlib.Path(need).exists() if "/" in str(need) else shutil.which(need)):
            print(f"skipped: {need} is not installed (tools/setup clients)")
            return 77

    def run(*words):
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": cache,
                       "GOPATH": GO_PATH, "GO111MODULE": "off", "LC_ALL": "C.UTF-8"}
        done = subprocess.run([*map(str, command), *map(str, words)], env=environment,
                              stdout=subprocess.PIPE, text=True, check=False, timeout=200)
        if done.returncode != 0:
            raise AssertionError(f"{kind} {words[0]} failed:\n{done.stdout}")
        return done.stdout.split()

    with tempfile.TemporaryDirectory(prefix="greenroom-client-") as data, \
            tempfile.TemporaryDirectory(prefix="greenroom-home-") as cache:
        with Greenroom(program, data, "--requirepass", PASSWORD) as server:
            ids = run("begin", server.port, PASSWORD)
            port = server.port
            server.kill()
        with Greenroom(program, data, "--requirepass", PASSWORD, port=port) as server:
            run("end", server.port, PASSWORD, *ids)
            assert server.stop() == 0
    print(f"{kind}: login, update, restart, expiry, logout, wrong password: passed")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
