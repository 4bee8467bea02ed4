#!/usr/bin/env python3
# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""Runs example_parallel_fetch against Python's web server, whose pages wait for each other."""
import functools
import http.server
import subprocess
import sys
import tempfile
import threading
from pathlib import Path


class SlowPages(http.server.SimpleHTTPRequestHandler):
    under_way = most = 0
    changed = threading.Condition()

    def do_GET(self):
        with self.changed:
            SlowPages.under_way += 1
            SlowPages.most = max(SlowPages.most, SlowPages.under_way)
            self.changed.notify_all()
            # Who fetches one after the other waits in vain.
            self.changed.wait_for(lambda: SlowPages.most >= 3, timeout=20)
        super().do_GET()
        with self.changed:
            SlowPages.under_way -= 1

    def log_message(self, *_):
        pass


with tempfile.TemporaryDirectory() as folder:
    for i in (1, 2, 3):
        (Path(folder) / f"url{i}").write_text("x" * (100 * i))
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(SlowPages, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    pages = ["url1", "url2", "url3", "none"]
    run = subprocess.run([sys.argv[1], *(f"{base}/{page}" for page in pages)],
                         capture_output=True, text=True, timeout=60)
    print(run.stdout, run.stderr)
    lines = run.stdout.splitlines()
    assert run.returncode == 0, run.returncode
    assert lines[:3] == [f"{base}/url{i}: 200, {100 * i} bytes" for i in (1, 2, 3)], lines
    assert lines[3].startswith(f"{base}/none: 404"), lines
    assert SlowPages.most >= 3, f"only {SlowPages.most} at once"
    refused = subprocess.run([sys.argv[1], "http://127.0.0.1:1/"], capture_output=True, text=True,
                             timeout=60)
    assert refused.stdout.startswith("http://127.0.0.1:1/: 0, "), refused.stdout
    server.shutdown()
print("1 passed, 0 failed")
