#!/usr/bin/env python3
# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""The checks in tools/ must turn red: each violation is planted in a small tree of its own, and the
report must name its file and line. The same tree without it must be green."""
import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
LICENCE = "// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.\n"
HEAD = LICENCE + "#pragma once\n"

CLEAN = {
    "include/troupe/pid.hpp": HEAD + "#include <cstdint>\nusing Pid = std::uint64_t;\n",
    "include/troupe/atom.hpp": HEAD,
    "include/troupe/term.hpp": HEAD + "#include <troupe/atom.hpp>\n",
    "include/troupe/spawn.hpp": HEAD + "#include <troupe/pid.hpp>\n",
    "include/troupe/detail/through.hpp": HEAD + "#include <troupe/spawn.hpp>\n",
    "src/base/list.hpp": HEAD,
    "src/term/etf.hpp": HEAD + '#include <troupe/term.hpp>\n#include "base/list.hpp"\n',
    "src/host/clock.cpp": LICENCE + "#include <unistd.h>\n",
    "src/host/clock.hpp": HEAD,
    "src/runtime/mailbox.hpp": HEAD + '#include "base/list.hpp"\n#include "host/clock.hpp"\n',
    "src/otp/registry.hpp": HEAD + '#include <troupe/spawn.hpp>\n#include "base/list.hpp"\n',
    "apps/greenroom/resp/parser.hpp": HEAD,
    "apps/greenroom/main.cpp": LICENCE + '#include "resp/parser.hpp"\n#include <troupe/pid.hpp>\n',
    "test/runtime/mailbox_test.cpp": LICENCE + '#include "runtime/mailbox.hpp"\n',
}


@contextlib.contextmanager
def planted(changes):
    """The clean tree with some files replaced, added, or (None) left out."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in {**CLEAN, **changes}.items():
            if content is not None:
                path = pathlib.Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content)
        yield folder


def run_check(tool, changes):
    with planted(changes) as root:
        result = subprocess.run([REPOSITORY / "tools" / tool, "--root", root],
                                capture_output=True, text=True, check=False)
        return result.returncode, result.stdout + result.stderr


class ChecksTest(unittest.TestCase):
    def assert_red(self, tool, changes, *expected):
        status, output = run_check(tool, changes)
        self.assertEqual(status, 1, output)
        for text in expected:
            self.assertIn(text, output)

    def assert_green(self, tool, changes):
        status, output = run_check(tool, changes)
        self.assertEqual(status, 0, output)

    def test_clean_tree_is_green(self):
        for tool in ("layers", "headers", "style"):
            with self.subTest(tool):
                self.assert_green(tool, {})

    def test_layers_refuses_every_edge_upwards(self):
        for source, included in [
                ("src/base/up.hpp", '"term/etf.hpp"'),
                ("src/base/up.hpp", "<troupe/pid.hpp>"),
                ("src/term/up.hpp", '"host/clock.hpp"'),
                ("src/term/up.hpp", "<troupe/spawn.hpp>"),
                ("src/host/up.hpp", '"runtime/mailbox.hpp"'),
                ("src/runtime/up.hpp", '"otp/registry.hpp"'),
                ("src/otp/up.cpp", '"runtime/mailbox.hpp"'),
                ("src/net/up.hpp", '"runtime/mailbox.hpp"'),
                ("include/troupe/up.hpp", '"../../src/base/list.hpp"'),
                ("include/troupe/up.hpp", '"base/list.hpp"'),
                ("include/troupe/atom.hpp", "<troupe/spawn.hpp>"),
                ("include/troupe/atom.hpp", "<troupe/detail/through.hpp>"),
                ("apps/greenroom/up.cpp", '"runtime/mailbox.hpp"'),
                ("apps/troupectl/up.cpp", '"../greenroom/resp/parser.hpp"'),
                ("examples/bank/up.cpp", '"base/list.hpp"'),
                ("src/unheard_of/up.hpp", '"base/list.hpp"')]:
            with self.subTest(source=source, included=included):
                self.assert_red("layers", {source: HEAD + f"\n#include {included}\n"},
                                f"{source}:4: includes ")

    def test_layers_refuses_the_kernel_outside_host(self):
        self.assert_red("layers", {"src/runtime/up.cpp": LICENCE + "#include <sys/socket.h>\n"},
                        "src/runtime/up.cpp:2: includes sys/socket.h: only host/ talks")

    def test_layers_refuses_folders_that_include_each_other(self):
        self.assert_red(
            "layers",
            {"apps/greenroom/resp/parser.hpp": HEAD + '#include "session/table.hpp"\n',
             "apps/greenroom/session/table.hpp": HEAD + '#include "resp/parser.hpp"\n'},
            "apps/greenroom/resp/ and apps/greenroom/session/ include each other")

    def test_layers_overlooks_comments_and_strings(self):
        self.assert_green("layers", {"src/base/list.hpp": HEAD + (
            '// #include "term/etf.hpp"\n/*\n#include "term/etf.hpp"\n*/\n'
            'inline const char* text = R"(\n#include "term/etf.hpp"\n)";\n')})

    def test_headers_refuses_a_header_that_leans_on_its_includer(self):
        for folder in ("include/troupe", "src/base", "apps/greenroom/resp"):
            with self.subTest(folder):
                self.assert_red("headers", {f"{folder}/lean.hpp": HEAD + "inline std::string s;\n"},
                                f"{folder}/lean.hpp:1: does not compile alone")

    def test_headers_forgets_what_changed(self):
        with planted({}) as root:
            command = [REPOSITORY / "tools/headers", "--root", root]
            self.assertEqual(subprocess.run(command, capture_output=True, check=False).returncode, 0)
            pathlib.Path(root, "include/troupe/pid.hpp").write_text(HEAD + "using Pid = Nothing;\n")
            again = subprocess.run(command, capture_output=True, text=True, check=False)
            self.assertEqual(again.returncode, 1)
            self.assertIn("include/troupe/spawn.hpp:1: does not compile alone", again.stdout)

    def test_headers_keeps_the_include_budgets(self):
        filler = "//\n" * 3200
        big = {f"include/troupe/big{n}.hpp": HEAD + filler for n in (1, 2, 3)}
        two = HEAD + "#include <troupe/big1.hpp>\n#include <troupe/big2.hpp>\n"
        self.assert_red("headers", {**big, "include/troupe/both.hpp": two},
                        "include/troupe/both.hpp:1: pulls in 6408 of our lines")
        self.assert_green("headers", {**big, "include/troupe/troupe.hpp": two})
        self.assert_red("headers",
                        {**big, "include/troupe/troupe.hpp": two + "#include <troupe/big3.hpp>\n"},
                        "include/troupe/troupe.hpp:1: pulls in")

    def test_headers_keeps_the_umbrella_light(self):
        part = {"include/troupe/part.hpp": HEAD + "#include <memory>\n"}
        self.assert_green("headers", part)
        umbrella = {"include/troupe/troupe.hpp": HEAD + "#include <troupe/part.hpp>\n"}
        self.assert_red("headers", {**part, **umbrella},
                        "include/troupe/part.hpp:3: <memory> is what every program would pay for")

    def test_headers_refuses_dear_and_foreign_includes_in_public(self):
        for spelled, why in [("functional", "is dear"), ("iostream", "is dear"),
                             ("sqlite3.h", "is not the C++ standard library")]:
            with self.subTest(spelled):
                self.assert_red("headers",
                                {"include/troupe/pid.hpp": HEAD + f"#include <{spelled}>\n"},
                                f"include/troupe/pid.hpp:3: <{spelled}> {why}")

    def test_style_refuses_what_it_lists(self):
        for name, line, why in [
                ("src/base/bad.cpp", "int a" + " " * 100 + ";", "columns"),
                ("src/base/bad.cpp", "// FIXME: later", "FIXME"),
                ("src/base/bad.hpp", "using namespace std;", "`using namespace` in a header"),
                ("src/base/bad.cpp", "void f() { out << std::endl; }", "std::endl"),
                ("test/base/bad.cpp", "std::this_thread::sleep_for(1s);", "sleeping test"),
                ("src/base/bad.cpp", "class SocketManager;", "name the responsibility"),
                ("src/base/bad.cpp", "void read_impl();", "name the responsibility"),
                ("src/base/bad.cpp", "struct BankActor;", "the word is process"),
                ("docs/bad.md", "see /" + "work/main/x", "path of one machine")]:
            with self.subTest(line):
                self.assert_red("style", {name: HEAD + line + "\n"}, f"{name}:3: ", why)

    def test_style_refuses_files_as_a_whole(self):
        for name, content, why in [
                ("src/base/bad.cpp", "int a;\n", "no licence line"),
                ("src/base/bad.hpp", LICENCE, "no #pragma once"),
                ("src/base/string_utils.hpp", HEAD, "the file name says nothing"),
                ("docs/picture.svg", "x" * 200_001, "files over 200000")]:
            with self.subTest(name):
                self.assert_red("style", {name: content}, f"{name}:1: ", why)

    def test_style_overlooks_forbidden_words_in_comments_and_strings(self):
        self.assert_green("style", {"src/base/list.hpp": HEAD + (
            "// A caller writes: using namespace troupe;\n"
            'inline const char* text = "std::endl";\n')})

    def test_links_refuses_a_link_to_nothing(self):
        self.assert_red("check-links", {"docs/a.md": "# A\n\n[b](b.md)\n"}, "docs/a.md:3: ")
        self.assert_green("check-links", {"docs/a.md": "# A\n\n[a](a.md) [w](https://x.org#y)\n"})

    def test_links_refuses_a_link_to_a_heading_that_is_not_there(self):
        page = "# A\n\n## What `b(c)` does\n\n[b](%s)\n\n```\n# no heading\n```\n"
        self.assert_green("check-links", {"docs/a.md": page % "#what-bc-does"})
        self.assert_green("check-links", {"docs/a.md": page % "a.md#a"})
        self.assert_red("check-links", {"docs/a.md": page % "a.md#no-heading"}, "docs/a.md:5: ")
        self.assert_red("check-links", {"docs/a.md": page % "#x"}, "docs/a.md:5: ")


class CompileFailTest(unittest.TestCase):
    def run_case(self, first, code):
        with tempfile.TemporaryDirectory() as folder:
            case = pathlib.Path(folder, "case.cpp")
            case.write_text(f"{first}\n{code}\n")
            return subprocess.run(
                [sys.executable, REPOSITORY / "test/compile_fail/check.py", "--case", case, "--",
                 sys.executable, "-c", code], capture_output=True, text=True, check=False)

    def test_passes_only_a_refusal_for_the_expected_reason(self):
        refused = "import sys; sys.exit('a Pid is\\n    no number')"
        for first, code, status in [
                ("// expect: a Pid is no number", refused, 0),
                ("// expect: something else", refused, 1),
                ("// expect: a Pid is no number", "print('a Pid is no number')", 1),
                ("// expect: (compiles)", "pass", 0),
                ("// expect: (compiles)", refused, 1),
                ("// no expectation", refused, 1)]:
            with self.subTest(first=first, code=code):
                self.assertEqual(self.run_case(first, code).returncode, status)


class CountTestsTest(unittest.TestCase):
    """The closing line of ./dev test."""

    def count(self, entries, reports=None):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "dev.xml")
            file.write_text(f"<testsuite>{''.join(entries)}</testsuite>")
            for name, tests in (reports or {}).items():
                report = {"testsuites": [{"name": "suite", "testsuite": tests}]}
                path = pathlib.Path(folder, "test-results", f"{name}.json")
                path.parent.mkdir(exist_ok=True)
                path.write_text(json.dumps(report))
            result = subprocess.run([REPOSITORY / "tools/count-tests", file],
                                    capture_output=True, text=True, check=False)
            return result.returncode, result.stdout.splitlines()

    def test_adds_programs_and_single_entries(self):
        status, lines = self.count(
            ['<testcase name="base" status="run"/>',
             '<testcase name="layers" status="run"><system-out>conformance: 9 passed\n</system-out>'
             '</testcase>',
             '<testcase name="later" status="notrun"><skipped/></testcase>'],
            {"base": [{"name": "a", "result": "COMPLETED"}, {"name": "b", "result": "COMPLETED"},
                      {"name": "c", "result": "SKIPPED"}]})
        self.assertEqual(lines, ["skipped in dev: base: suite.c", "skipped in dev: later",
                                 "dev: 3 passed, 0 failed, 2 skipped", "conformance: 9 passed",
                                 "3 passed, 0 failed"])
        self.assertEqual(status, 0)

    def test_counts_and_names_failures(self):
        status, lines = self.count(
            ['<testcase name="base" status="fail"/>', '<testcase name="leaks" status="fail"/>',
             '<testcase name="crashed" status="fail"/>', '<testcase name="gone" status="notrun"/>'],
            {"base": [{"name": "a", "result": "COMPLETED"},
                      {"name": "b", "result": "COMPLETED", "failures": [{}]}],
             "leaks": [{"name": "a", "result": "COMPLETED"}]})
        self.assertEqual(lines[-1], "2 passed, 4 failed")
        self.assertIn("failed in dev: base: suite.b", lines)
        self.assertIn("failed in dev: leaks (the program failed, none of its tests did)", lines)
        self.assertEqual(status, 1)

    def test_nothing_run_is_a_failure(self):
        status, lines = self.count([])
        self.assertEqual((status, lines[-1]), (1, "0 passed, 0 failed"))


if __name__ == "__main__":
    unittest.main()
