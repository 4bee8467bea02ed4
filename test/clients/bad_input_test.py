#!/usr/bin/env python3
# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""bad_input_test.py GREENROOM: clients that send nonsense, too much, or do not read.

Each gets Redis' words for it (client libraries match on them), the server's memory stays bounded,
and a second client that is there all the time is served without an error.
"""
import base64
import random
import re
import resource
import socket
import sys
import tempfile
import threading
import time
import unittest

from greenroom_process import Client, Greenroom, ServerError, pack

PROGRAM = ""
MIB = 1024  # KiB, as /proc counts


def answer_to(port, data):
    """All that comes back until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), 60) as client:
        sender = threading.Thread(target=send_all, args=(client, data), daemon=True)
        sender.start()
        answer = b""
        try:
            while chunk := client.recv(65536):
                answer += chunk
        except ConnectionResetError:
            pass  # closed while our bytes were still on their way
        sender.join(60)
        return answer


def send_all(client, data):
    try:
        client.sendall(data)
    except OSError:
        pass


class Bystander(threading.Thread):
    """A client that minds its own business, all the time."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.client, self.done, self.failure, self.slowest = Client(port), False, None, 0.0

    def run(self):
        number = 0
        try:
            while not self.done:
                number += 1
                start = time.monotonic()
                assert self.client("SET", "bystander", number) == "OK"
                assert self.client("GET", "bystander") == b"%d" % number
                self.slowest = max(self.slowest, time.monotonic() - start)
                time.sleep(0.002)
        except Exception as failure:
            self.failure = failure


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.TemporaryDirectory(prefix="greenroom-bad-input-")
        cls.server = Greenroom(PROGRAM, cls.data.name, "--durability", "relaxed")
        cls.port = cls.server.port
        cls.sanitized = cls.server.is_sanitized()
        cls.bystander = Bystander(cls.port)
        cls.bystander.start()

    @classmethod
    def tearDownClass(cls):
        cls.bystander.done = True
        cls.bystander.join(60)
        code = cls.server.stop()
        log, errors = cls.server.log_text(), cls.server.errors()
        cls.server.__exit__()
        cls.data.cleanup()
        assert cls.bystander.failure is None, f"the bystander: {cls.bystander.failure!r}"
        assert code == 0, log
        assert errors == [], errors
        # Generous, for a busy machine; a client that held the workers up took longer.
        assert cls.sanitized or cls.bystander.slowest < 30, cls.bystander.slowest
        print(f"the bystander waited {cls.bystander.slowest * 1000:.0f} ms at most")

    def wait_until(self, holds):
        deadline = time.monotonic() + 60
        while not holds():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.002)

    @staticmethod
    def number(client, field):
        return int(re.search(rb"%s:(\d+)\r" % field.encode(), client("INFO"))[1])

    def assert_memory_grew_less_than(self, mib, before):
        if not self.sanitized:
            grown = (self.server.status("VmRSS") - before) // MIB
            self.assertLess(grown, mib, "MiB that the server grew by")

    def test_malformed_requests_get_redis_words_and_are_closed(self):
        for data, words in (
            (b"*1\r\n!3\r\nGET\r\n", b"-ERR Protocol error: expected '$', got '!'\r\n"),
            (b"*abc\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
            (b"*10000000000\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
            (b"*1\r\n$abc\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
            (b"*1\r\n$-5\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
            (b"*2\r\n$3\r\nGET\r\n$10000000000\r\n",
             b"-ERR Protocol error: invalid bulk length\r\n"),
            (b"GET 'unbalanced\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n"),
            (b"g" * (1 << 20), b"-ERR Protocol error: too big inline request\r\n"),
            (b"*" + b"1" * (1 << 20), b"-ERR Protocol error: too big mbulk count string\r\n"),
        ):
            with self.subTest(data[:40]):
                self.assertEqual(answer_to(self.port, data), words)

    def test_what_came_before_the_nonsense_is_answered(self):
        answer = answer_to(self.port, pack("PING") + pack("SET", "before", "1") + b"*1\r\n!\r\n")
        self.assertEqual(answer[:12], b"+PONG\r\n+OK\r\n")
        self.assertTrue(answer[12:].startswith(b"-ERR Protocol error"))

    def test_a_negative_or_empty_count_is_skipped(self):
        with Client(self.port) as client:
            client.socket.sendall(b"*-5\r\n*0\r\n*-1\r\n\r\n" + pack("PING"))
            self.assertEqual(client.read(), "PONG")

    def test_a_megabyte_of_noise_is_survived(self):
        noise = random.Random(1)
        before = self.server.status("VmRSS")
        for _ in range(20):
            answer = answer_to(self.port, noise.randbytes(1 << 20) + b"\r\n*1\r\n!\r\n")
            self.assertIn(b"-ERR", answer)
        self.assert_memory_grew_less_than(64, before)

    def test_announced_lengths_reserve_nothing(self):
        before = self.server.status("VmRSS")
        clients = [Client(self.port) for _ in range(200)]
        for client in clients:
            client.socket.sendall(b"*1000000\r\n$3\r\nSET\r\n$60000000\r\nonly this much")
        with Client(self.port) as client:
            self.assertEqual(client("PING"), "PONG")
        self.assert_memory_grew_less_than(64, before)
        for client in clients:
            client.close()

    def test_wrong_commands_are_errors_and_nothing_more(self):
        with Client(self.port) as client:
            for words, start in (
                (("NOSUCH", "x"), "ERR unknown command 'NOSUCH'"),
                (("GET",), "ERR wrong number of arguments for 'get' command"),
                (("SET", "k", "v", "EX", "0"), "ERR invalid expire time in 'set' command"),
                (("SET", "k", "v", "EX", "soon"), "ERR value is not an integer or out of range"),
                (("SET", "k", "v", "WHAT"), "ERR syntax error"),
                (("SELECT", "99"), "ERR DB index is out of range"),
                (("DEBUG", "PANIC", "k"), "ERR"),
                (("",), "ERR unknown command ''"),
            ):
                with self.subTest(words), self.assertRaises(ServerError) as caught:
                    client(*words)
                self.assertTrue(str(caught.exception).startswith(start), caught.exception)
            client("DEL", "h")
            client("HSET", "h", "f", "v")
            with self.assertRaisesRegex(ServerError, "^WRONGTYPE Operation against a key"):
                client("GET", "h")
            self.assertEqual(client("PING"), "PONG")

    def test_a_pipeline_of_100_000_commands_is_answered_in_order(self):
        count = 100_000
        before = self.server.status("VmRSS")
        with Client(self.port) as client:
            data = b"".join(
                pack("SET", f"p{i % 97}", i) if i % 2 else pack("ECHO", i) for i in range(count))
            sender = threading.Thread(target=send_all, args=(client.socket, data), daemon=True)
            sender.start()
            for i in range(count):
                self.assertEqual(client.read(), "OK" if i % 2 else b"%d" % i)
            sender.join(60)
        self.assert_memory_grew_less_than(64, before)

    def test_a_pipeline_that_is_not_read_until_it_is_sent_is_answered(self):
        # Redis buffers replies without a bound; here the sender has to wait for its own reader.
        with Client(self.port) as client:
            for _ in range(1_000):
                client.send("GET", "not there")
            for _ in range(1_000):
                self.assertIsNone(client.read())

    def test_a_client_that_does_not_read_costs_bounded_memory(self):
        before = self.server.status("VmRSS")
        with Client(self.port) as writer:
            self.assertEqual(writer("SET", "large", b"x" * (1 << 20)), "OK")
        clients = [Client(self.port) for _ in range(4)]
        for client in clients:
            # Small replies first, so that the server expects more of these.
            client.socket.sendall(pack("GET", "not there") * 2_000)
            for _ in range(2_000):
                self.assertIsNone(client.read())
            client.socket.sendall(pack("GET", "large") * 5_000)
        # Four times 5 GB of replies were asked for. 64 may be under way when the first large one
        # comes as a surprise, and are then copied into the output.
        deadline = time.monotonic() + 3
        with Client(self.port) as client:
            while time.monotonic() < deadline:
                self.assertEqual(client("PING"), "PONG")
                self.assert_memory_grew_less_than(4 * 64 * 3 + 64, before)
                time.sleep(0.02)
        for client in clients:
            client.close()
        with Client(self.port) as client:
            client("DEL", "large")

    def test_a_value_of_64_mib_is_kept_and_one_byte_more_is_refused(self):
        value = random.Random(2).randbytes(1 << 20) * 64
        with Client(self.port) as client:
            self.assertEqual(client("SET", "whole", value), "OK")
            self.assertEqual(client("STRLEN", "whole"), 64 << 20)
            self.assertEqual(client("GET", "whole"), value)
            for words, start in ((("APPEND", "whole", "x"), "ERR string exceeds maximum"),
                                 (("SETRANGE", "whole", 64 << 20, "x"), "ERR string exceeds")):
                with self.assertRaisesRegex(ServerError, start):
                    client(*words)
            client("HSET", "hash", "f", value)
            self.assertEqual(client("HGET", "hash", "f"), value)
            self.assertEqual(client("DEL", "whole", "hash"), 2)
        answer = answer_to(self.port, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$67108865\r\n")
        self.assertEqual(answer, b"-ERR Protocol error: invalid bulk length\r\n")

    def test_200_clients_reconnect_again_and_again(self):
        before = self.server.status("VmRSS")
        greeting = (pack("HELLO", 2) + pack("CLIENT", "SETNAME", "storm") + pack("SELECT", 1) +
                    pack("SUBSCRIBE", "storm"))
        for _ in range(20):
            clients = [Client(self.port) for _ in range(200)]
            for client in clients:
                client.socket.sendall(greeting)
            for client in clients:
                for _ in range(4):
                    client.read()
            # Half of them vanish, the others take leave.
            for number, client in enumerate(clients):
                if number % 2:
                    client.socket.sendall(pack("UNSUBSCRIBE") + pack("QUIT"))
                client.close()
            # What a server that lags behind has open at once would be counted below.
            with Client(self.port) as client:
                self.wait_until(lambda: b"name=storm" not in client("CLIENT", "LIST"))
        with Client(self.port) as client:
            self.wait_until(lambda: client("PUBSUB", "NUMSUB", "storm")[1] == 0)
        self.assert_memory_grew_less_than(64, before)

    def test_10_000_connections_come_and_go(self):
        before = self.server.status("VmRSS")
        with Client(self.port) as probe:
            received = self.number(probe, "total_connections_received")
            for start in range(0, 10_000, 250):
                clients = []
                for i in range(start, start + 250):
                    client = socket.create_connection(("127.0.0.1", self.port), 60)
                    if i % 3 == 1:
                        client.sendall(pack("PING"))
                    elif i % 3 == 2:
                        client.sendall(b"*2\r\n$3\r\nGE")
                    clients.append(client)
                for client in clients:
                    client.close()
                # What a server that lags behind has open at once would be counted below.
                self.wait_until(lambda: self.number(probe, "total_connections_received") >=
                                received + start + 250)
                self.wait_until(lambda: self.number(probe, "connected_clients") == 2)
        self.assert_memory_grew_less_than(64, before)


class Password(unittest.TestCase):
    def test_nothing_before_auth_but_auth_hello_and_quit(self):
        with tempfile.TemporaryDirectory() as data, Greenroom(
                PROGRAM, data, "--requirepass", "open sesame", "--enable-debug-command") as server:
            with Client(server.port) as client:
                for words in (("GET", "k"), ("SET", "k", "v"), ("PING",), ("INFO",), ("KEYS", "*"),
                              ("CONFIG", "GET", "*"), ("CLIENT", "LIST"), ("FLUSHALL",),
                              ("HELLO", "3")):
                    with self.subTest(words), self.assertRaisesRegex(ServerError, "^NOAUTH "):
                        client(*words)
                # Redis, too, says first that there is no such command.
                for words in (("DEBUG", "PANIC", "k"), ("NOSUCH",)):
                    with self.subTest(words), self.assertRaisesRegex(ServerError, "^ERR unknown"):
                        client(*words)
                with self.assertRaisesRegex(ServerError, "^WRONGPASS "):
                    client("AUTH", "guess")
                with self.assertRaisesRegex(ServerError, "^WRONGPASS "):
                    client("HELLO", "2", "AUTH", "default", "guess")
                with self.assertRaisesRegex(ServerError, "^NOAUTH "):
                    client("GET", "k")
                self.assertEqual(client("AUTH", "open sesame"), "OK")
                self.assertEqual(client("SET", "k", "v"), "OK")
                self.assertNotIn(b"open sesame", b"".join(client("CONFIG", "GET", "*")))
            with Client(server.port) as client:
                client("HELLO", "2", "AUTH", "default", "open sesame")
                self.assertEqual(client("GET", "k"), b"v")
            with Client(server.port) as client:
                self.assertEqual(client("QUIT"), "OK")
            # A stranger's requests are small.
            self.assertIn(b"unauthenticated bulk length",
                          answer_to(server.port, b"*2\r\n$4\r\nAUTH\r\n$1000000\r\n"))
            self.assertIn(b"unauthenticated multibulk length",
                          answer_to(server.port, b"*1000\r\n$4\r\nAUTH\r\n"))
            self.assertNotIn("open sesame", server.log_text())


class MemoryLimit(unittest.TestCase):
    def test_anonymous_sessions_go_first_and_then_writes_are_refused_in_redis_words(self):
        config = '[[prefix]]\nprefix = "s:"\nuser = "/user"\n[server]\nmax_memory = "1MiB"\n'
        with tempfile.TemporaryDirectory() as data:
            file = data + "/greenroom.toml"
            with open(file, "w", encoding="utf-8") as out:
                out.write(config)
            with Greenroom(PROGRAM, data + "/data", "--durability", "memory", "--config",
                           file) as server, Client(server.port) as client:
                self.fill(client, server)

    def fill(self, client, server):
        noise = random.Random(3)

        def padding():
            """What a dictionary hardly makes smaller: a quarter of base64 is air."""
            return base64.b64encode(noise.randbytes(1_500)).decode()
        # Nothing makes these smaller, asleep or awake: 349 of them are a MiB.
        for i in range(1_000):
            self.assertEqual(client("SET", f"s:anonymous:{i}", noise.randbytes(3_000)), "OK")
        self.assertLess(client("DBSIZE"), 350)
        self.assertEqual(client("EXISTS", "s:anonymous:999"), 1)
        # Whoever has logged in stays, and takes the place of those who have not. Sessions that fall
        # asleep take less, so that there may be room again for some.
        users = 0

        def refusal():
            nonlocal users
            while users < 2_000:
                try:
                    client("SET", f"s:user:{users}", f'{{"user":"u","padding":"{padding()}"}}')
                    users += 1
                except ServerError as error:
                    return str(error)
            return None
        self.assertEqual(refusal(), "OOM command not allowed when used memory > 'maxmemory'.")
        self.assertGreater(users, 200)
        self.assertEqual(client("DBSIZE"), users)
        # Locks on what is not there take memory like anything else; who has a session may lock it.
        def lock_all():
            for i in range(10_000):
                client("SESS.LOCK", f"absent:{i}")
        self.assertRaisesRegex(ServerError, "^OOM ", lock_all)
        token = client("SESS.LOCK", "s:user:0")
        self.assertEqual(client("SESS.UNLOCK", "s:user:0", token), 1)
        # Reading and deleting go on, and so do transactions that only do that.
        self.assertIsNotNone(client("GET", "s:user:0"))
        limit = time.monotonic() + 60

        def refused(ask):
            """How it is refused when there is no room, of which a session that falls asleep in
            between makes some."""
            while True:
                refusal()
                try:
                    ask()
                except ServerError as error:
                    return str(error)
                self.assertLess(time.monotonic(), limit, "it is never refused")

        def transaction():
            client("MULTI")
            client("SET", "a", "1")
            client("EXEC")
        for words in (("HSET", "h", "f", "v"), ("INCR", "n"), ("MSET", "a", "1", "b", "2"),
                      ("SESS.SET", "s:user:0", "{}")):
            self.assertRegex(refused(lambda: client(*words)), "^OOM command not allowed")
        self.assertRegex(refused(transaction), "^EXECABORT Transaction discarded .*: OOM")
        client("MULTI")
        client("DEL", *[f"s:user:{i}" for i in range(10)])
        self.assertEqual(client("EXEC"), [10])
        self.assertEqual(client("SET", "s:user:0", "again"), "OK")
        info = client("INFO").decode()
        self.assertIn("maxmemory:1048576\r\n", info)
        self.assertRegex(info, r"evicted_keys:[1-9]\d*\r\n")
        limit = time.monotonic() + 60  # it is looked at now and then
        while "% of max_memory" not in server.log_text() and time.monotonic() < limit:
            refusal()
            time.sleep(0.05)
        self.assertIn("% of max_memory", server.log_text())
        self.assertEqual(client("CONFIG", "SET", "maxmemory", "100mb"), "OK")
        self.assertEqual(client("SET", "a", padding()), "OK")
        with self.assertRaisesRegex(ServerError, "must be a memory value"):
            client("CONFIG", "SET", "maxmemory", "lots")


class TooManyClients(unittest.TestCase):
    def test_one_too_many_is_told_so(self):
        with tempfile.TemporaryDirectory() as data, Greenroom(
                PROGRAM, data, "--maxclients", "3", "--durability", "memory") as server:
            clients = [Client(server.port) for _ in range(3)]
            for client in clients:
                self.assertEqual(client("PING"), "PONG")
            with Client(server.port) as client, \
                    self.assertRaisesRegex(ServerError, "max number of clients reached"):
                client.read()
            for client in clients:
                self.assertEqual(client("PING"), "PONG")
                client.close()


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, 4_096), limit))
    unittest.main(verbosity=2)
