# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""What the checks in this folder share: the project's files, C++ without comments and string
literals, and which file an #include names."""
import argparse
import functools
import pathlib
import re
import shutil
import subprocess
import sys

CPP = (".hpp", ".cpp")


def parse_arguments(description):
    """Every check takes --root, so that its own tests can point it at a planted tree."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--root", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent.parent)
    return parser


def project_files(root, suffixes=None):
    """Tracked and new files, sorted, relative to root; what is there where git cannot say (a
    tarball, or no git on the machine)."""
    names = None
    if (root / ".git").exists() and shutil.which("git"):
        listing = subprocess.run(
            ["git", "-C", str(root), "ls-files", "-z", "-co", "--exclude-standard"],
            capture_output=True, check=False)
        names = listing.stdout.decode().split("\0") if listing.returncode == 0 else None
    if names is None:
        made = {".git", ".cache", "node_modules", "__pycache__"}
        names = [str(path.relative_to(root)) for path in root.rglob("*")
                 if not made.intersection(path.relative_to(root).parts)]
    return sorted(name for name in names
                  if name and not name.startswith("build/")
                  and (suffixes is None or name.endswith(suffixes)) and (root / name).is_file())


_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^(\s]{0,16})\(.*?\)(?P=mark)"'
    r'|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)


def without_comments(text):
    """C++ text with comments, strings and character literals blanked; line numbers stay.
    #include "..." lines keep their names."""
    def blank(match):
        line = text.rfind("\n", 0, match.start()) + 1
        if match[0].startswith('"') and text[line:match.start()].lstrip().startswith("#"):
            return match[0]
        return re.sub(r"[^\n]", " ", match[0])
    return _TOKEN.sub(blank, text)


_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


class Sources:
    """The C++ files of one tree, read once."""

    def __init__(self, root):
        self.root = root
        self.files = project_files(root, CPP)
        self.known = set(self.files)

    @functools.lru_cache(maxsize=None)
    def text(self, file):
        return (self.root / file).read_text(encoding="utf-8", errors="replace")

    @functools.lru_cache(maxsize=None)
    def includes(self, file):
        """[(line, spelled, file of ours or None, quoted)] of every #include of a file."""
        code, found = without_comments(self.text(file)), []
        for match in _INCLUDE.finditer(code):
            line = code.count("\n", 0, match.start()) + 1
            quoted = match[1] == '"'
            found.append((line, match[2], self.resolve(file, match[2], quoted), quoted))
        return found

    def resolve(self, file, spelled, quoted):
        """The search order of the build: beside the file, src/, the file's program, test/."""
        parts = pathlib.PurePosixPath(file).parts
        places = ["include"]
        if quoted:
            places = [str(pathlib.PurePosixPath(file).parent), "src", "/".join(parts[:2]), "test",
                      "include"]
            places += ["apps/greenroom", "apps/troupectl"] if parts[0] == "test" else []
            places += ["examples"] if parts[0] == "examples" else []
        for place in places:
            path = str(pathlib.PurePosixPath(place) / spelled)
            if path in self.known:
                return path
        return None

    @functools.lru_cache(maxsize=None)
    def closure(self, file):
        """The file and every file of ours it pulls in, as a frozenset."""
        seen, todo = set(), [file]
        while todo:
            current = todo.pop()
            if current not in seen:
                seen.add(current)
                todo += [target for _, _, target, _ in self.includes(current) if target]
        return frozenset(seen)

    def line_count(self, file):
        return self.text(file).count("\n")


def report(check, problems, checked):
    """Prints `file:line: what is wrong; what to do` and gives the exit status."""
    for problem in problems:
        print(problem)
    if problems:
        print(f"{check}: {len(problems)} to mend in {checked}", file=sys.stderr)
    else:
        print(f"{check}: {checked} fine")
    return 1 if problems else 0
