#!/usr/bin/env python3
# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""Drives example_blog_api with Python's HTTP client: the chapter's demo, and bad requests."""
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request

blog = subprocess.Popen([sys.argv[1]], stdout=subprocess.PIPE, text=True)
base = blog.stdout.readline().split()[-1]


def ask(method, path, body=None):
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode() if body else None
    request = urllib.request.Request(base + path, data=data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            text = response.read()
            return response.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        return error.code, error.read()


try:
    alice = {"id": "u1", "name": "Alice", "email": "alice@example.com"}
    bob = {"id": "u2", "name": "Bob", "email": "bob@example.com"}
    assert ask("POST", "/users", alice) == (201, alice)
    assert ask("POST", "/users", bob)[0] == 201
    assert ask("POST", "/users", bob)[0] == 409
    assert ask("POST", "/users/u1/follow/u2") == (200, {"following": "u2"})
    assert ask("POST", "/users/u1/follow/nobody")[0] == 404
    status, post = ask("POST", "/posts", {"author": "u2", "content": "Hello from Bob!"})
    assert status == 201 and post["content"] == "Hello from Bob!", post
    path = "/posts/" + post["id"]
    assert ask("POST", path + "/comments", {"author": "u1", "text": "Hi Bob"})[0] == 201
    for _ in range(3):
        assert ask("GET", path)[1]["comments"] == [{"author": "u1", "text": "Hi Bob"}]
    end = time.monotonic() + 30
    while ask("GET", path + "/views")[1] != {"views": 3} and time.monotonic() < end:
        pass
    assert ask("GET", path + "/views")[1] == {"views": 3}
    feed = ask("GET", "/users/u1/feed")[1]
    print("Alice's feed:", feed)
    assert [entry["content"] for entry in feed] == ["Hello from Bob!"], feed
    assert ask("GET", "/users/u2/feed")[1] == []
    assert ask("DELETE", path)[0] == 204
    while ask("GET", path)[0] != 404 and time.monotonic() < end:
        pass
    assert ask("GET", path)[0] == 404
    assert ask("POST", "/posts", "no json")[0] == 400
    assert ask("POST", "/posts", {"author": 5, "content": "x"})[0] == 400
    assert ask("GET", "/nothing")[0] == 404
finally:
    blog.kill()
    blog.wait()
print("1 passed, 0 failed")
