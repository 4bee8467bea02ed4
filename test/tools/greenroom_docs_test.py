#!/usr/bin/env python3
# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""Greenroom's reference pages name every command, flag and setting there is, and no metric that
there is not. Read from the sources: what is added there and forgotten in the pages fails."""
import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / "docs/reference" / name for name in ("greenroom.md", "greenroom-operation.md")]
TEXT = "\n".join(page.read_text() for page in PAGES)
CODE = ROOT / "apps/greenroom"


def found(pattern, *files):
    return {name for file in files for name in re.findall(pattern, (CODE / file).read_text())}


class GreenroomDocsTest(unittest.TestCase):
    def assert_named(self, names, is_named):
        self.assertGreater(len(names), 5)  # or the pattern does not fit the source any more
        self.assertEqual([name for name in sorted(names) if not is_named(name)], [])

    def test_every_command_is_in_the_table(self):
        names = found(r'\{\w+, \w+,\s+"([a-z.|-]+)",', "resp/command_table.cpp")
        words = set(re.findall(r"[A-Z][A-Z0-9-]+", TEXT))
        spelt = {name: re.split(r"[.|]", name.upper()) for name in names
                 if not name.endswith("|help")}
        self.assert_named(spelt, lambda name: words.issuperset(spelt[name]))

    def test_every_flag_of_serve_is_explained(self):
        text = (CODE / "config/command_line.cpp").read_text()
        before_the_tools = text[:text.index("struct ToolWords")]
        flags = set(re.findall(r'"(--[a-z-]+)', before_the_tools)) | {"--config", "--check-config"}
        settings = re.search(r"```toml\n(.*?)```", TEXT, re.S)[1]

        def is_named(flag):
            setting = flag.removeprefix("--").replace("-", "_")
            return flag in TEXT or any(
                re.search(rf"^{name} = ", settings, re.M)
                for name in (setting, re.sub("^(tls|http|log)_", "", setting)))
        self.assert_named(flags, is_named)

    def test_every_setting_is_in_the_sample_configuration(self):
        names = found(r'section\.take(?:_bytes|_choice)?\("(\w+)"', "config/config_file.cpp")
        sample = re.search(r"```toml\n(.*?)```", TEXT, re.S)[1]
        self.assert_named(names, lambda name: re.search(rf"\b{name} = ", sample)
                          or f"{name} =" in sample)

    def test_every_metric_that_is_explained_exists(self):
        exist = found(r'"((?:greenroom|process)_\w+)"', "http/metrics.cpp")
        named = set(re.findall(r"`((?:greenroom|process)_\w+)`", TEXT))
        self.assert_named(named, lambda name: name in exist | {"greenroom_dead_writes"})  # of INFO


if __name__ == "__main__":
    unittest.main()
