# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""What happens to sessions, as a stream: over HTTP with Last-Event-ID, and by SESS.EVENTS.

    events_test.py GREENROOM
"""
import http.client
import json
import tempfile
import threading
import unittest

import http_test
from greenroom_process import Client, Greenroom, ServerError

BEARER = {"Authorization": f"Bearer {http_test.PASSWORD}"}


class Stream:
    """The events of one GET /v1/events, as they come."""

    def __init__(self, port, query="", last_id=None, fields=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        fields = dict(BEARER if fields is None else fields)
        if last_id:
            fields["Last-Event-ID"] = last_id
        self.connection.request("GET", "/v1/events" + query, headers=fields)
        self.response = self.connection.getresponse()
        self.status = self.response.status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.response.close()
        self.connection.close()

    def body(self):
        return json.loads(self.response.read())

    def next(self):
        """(id, type, data) of the next event"""
        event = {}
        while True:
            line = self.response.readline().decode()
            if not line:
                raise EOFError
            line = line.rstrip("\n")
            if not line and "data" in event:
                return event["id"], event["event"], json.loads(event["data"])
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                event[name] = value


class Events(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def greenroom(self, *flags):
        return http_test.HttpGreenroom(self.folder.name, *flags)

    def test_each_kind_of_event_comes_in_order(self):
        with self.greenroom() as server, Client(server.port) as client, \
                Stream(server.http_port) as stream:
            self.assertEqual(stream.status, 200)
            self.assertEqual(stream.response.headers["Content-Type"], "text/event-stream")
            client("CONFIG", "SET", "prefix:s:", "user=/user cap=1")
            client("SET", "a", "1")
            client("GET", "a")
            client("EXPIRE", "a", 100)
            client("SET", "a", "2")
            client("DEL", "a")
            client("SET", "b", "1", "PX", 50)
            seen = [stream.next()[1:] for _ in range(5)]
            self.assertEqual([(kind, data["id"]) for kind, data in seen],
                             [("created", "a"), ("updated", "a"), ("deleted", "a"),
                              ("created", "b"), ("expired", "b")])
            self.assertRegex(seen[0][1]["at"], r"^20\d\d-\d\d-\d\dT[\d:.]+Z$")
            client("SET", "c", "1")
            client("SESS.DESTROY", "c")
            client("MULTI")
            client("SET", "d", "1")
            client("DEL", "d2")
            client("EXEC")
            client("RENAME", "d", "e")
            seen = sorted((kind, data["id"]) for _, kind, data in
                          (stream.next() for _ in range(5)))
            self.assertEqual(seen, [("created", "c"), ("created", "d"), ("created", "e"),
                                    ("deleted", "d"), ("revoked", "c")])
            client("SET", "s:1", '{"user":"u"}')
            client("SET", "s:2", '{"user":"u"}')
            seen = [stream.next()[1:] for _ in range(3)]
            self.assertEqual([(kind, data["id"]) for kind, data in seen],
                             [("created", "s:1"), ("created", "s:2"), ("revoked", "s:1")])

    def test_a_client_that_comes_again_has_missed_nothing(self):
        with self.greenroom() as server, Client(server.port) as client:
            with Stream(server.http_port, "?match=sess:*") as stream:
                for i in range(5):
                    client("SET", f"sess:{i}", "x")
                    client("SET", f"other:{i}", "x")
                last = [stream.next() for _ in range(3)][-1]
                self.assertEqual(last[2]["id"], "sess:2")
            client("SET", "sess:5", "x")
            with Stream(server.http_port, "?match=sess:*", last_id=last[0]) as stream:
                self.assertEqual([stream.next()[2]["id"] for _ in range(3)],
                                 ["sess:3", "sess:4", "sess:5"])
                client("SET", "sess:6", "x")
                self.assertEqual(stream.next()[2]["id"], "sess:6")
            with Stream(server.http_port, "?after=0") as stream:
                self.assertEqual(stream.next()[2]["id"], "sess:0")

    def test_who_was_away_for_too_long_is_told_so(self):
        with self.greenroom("--max-events", "10") as server, Client(server.port) as client:
            client("SET", "first", "x")
            first = client("SESS.EVENTS")[0].decode()
            for i in range(11):
                client("SET", f"k{i}", "x")
            with Stream(server.http_port, last_id=first) as stream:
                self.assertEqual(stream.status, 410)
                oldest = stream.body()["oldest"]
            with self.assertRaisesRegex(ServerError, "^EVENTSGONE .*" + oldest):
                client("SESS.EVENTS", "AFTER", first)
            with Stream(server.http_port, last_id=oldest) as stream:
                self.assertEqual(stream.next()[2]["id"], "k1")
            with Stream(server.http_port, last_id="nonsense") as stream:
                self.assertEqual(stream.status, 400)
            other_run = "1-" + first.split("-")[1]
            with Stream(server.http_port, last_id=other_run) as stream:
                self.assertEqual(stream.status, 410)

    def test_without_the_password_nothing_is_told(self):
        with self.greenroom() as server:
            for fields in ({}, {"Authorization": "Bearer wrong"}):
                with Stream(server.http_port, fields=fields) as stream:
                    self.assertEqual(stream.status, 401)

    def test_many_readers_see_the_same(self):
        with self.greenroom() as server, Client(server.port) as client:
            streams = [Stream(server.http_port) for _ in range(10)]
            seen = [[] for _ in streams]

            def read(number):
                for _ in range(500):
                    seen[number].append(streams[number].next()[2]["id"])
            threads = [threading.Thread(target=read, args=(i,)) for i in range(10)]
            for thread in threads:
                thread.start()
            for i in range(500):
                client.send("SET", f"k{i}", "x")
            for thread in threads:
                thread.join(60)
            # Each key is a process of its own, so that the order is theirs, and one for all.
            self.assertEqual(sorted(seen[0]), sorted(f"k{i}" for i in range(500)))
            for each in seen:
                self.assertEqual(each, seen[0])
            for stream in streams:
                stream.__exit__()

    def test_sess_events_reads_waits_and_resumes(self):
        with Greenroom(http_test.PROGRAM, self.folder.name + "/data") as server, \
                Client(server.port) as client, Client(server.port) as other:
            position, events = client("SESS.EVENTS")
            self.assertEqual(events, [])
            client.send("SESS.EVENTS", "AFTER", position, "BLOCK", 30_000)
            # Whether the wait has begun already or not, the event comes.
            other("SET", "sess:a", "x")
            after, events = client.read()
            self.assertEqual(events[0][1:4], [b"created", 0, b"sess:a"])
            self.assertEqual(events[0][0], after)
            other("SELECT", 3)
            for i in range(10):
                other("SET", f"n{i}", "x")
            after, events = client("SESS.EVENTS", "AFTER", after, "COUNT", 4)
            self.assertEqual([event[3] for event in events], [b"n0", b"n1", b"n2", b"n3"])
            self.assertEqual(events[0][2], 3)
            after, events = client("SESS.EVENTS", "AFTER", after, "MATCH", "n9")
            self.assertEqual([event[3] for event in events], [b"n9"])
            self.assertEqual(client("SESS.EVENTS", "AFTER", after, "BLOCK", 20), [after, []])
            self.assertEqual(len(client("SESS.EVENTS", "AFTER", position)[1]), 11)
            for words in (("AFTER", "x"), ("COUNT", "-1"), ("BLOCK",), ("WHAT", "1")):
                with self.assertRaisesRegex(ServerError, "^ERR"):
                    client("SESS.EVENTS", *words)
            client("MULTI")
            with self.assertRaisesRegex(ServerError, "not allowed inside a transaction"):
                client("SESS.EVENTS")


if __name__ == "__main__":
    unittest.main()
