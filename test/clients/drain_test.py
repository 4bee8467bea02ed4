#!/usr/bin/env python3
# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""drain_test.py GREENROOM: the server is told to end while clients are at work.

What has come is answered, and kept; who waits for nothing gets an end of the stream and no reset;
nobody new is let in; and it is over soon.
"""
import signal
import socket
import sys
import tempfile
import threading
import time
import unittest

from greenroom_process import Client, Greenroom, ServerError, pack

PROGRAM = ""


class Drain(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="greenroom-drain-")
        self.addCleanup(self.folder.cleanup)

    def serve(self, *flags, **options):
        return Greenroom(PROGRAM, self.folder.name + "/data", *flags, **options)

    def test_a_pipeline_that_has_come_is_answered_to_its_end_and_kept(self):
        count = 5_000
        with self.serve() as server:
            client = Client(server.port)
            client.socket.sendall(b"".join(pack("SET", f"k{i}", i) for i in range(count)))
            self.assertEqual(client.read(), "OK")  # It is at work now.
            server.process.send_signal(signal.SIGTERM)
            for _ in range(count - 1):
                self.assertEqual(client.read(), "OK")
            with self.assertRaises(EOFError):
                client.read()
            client.close()
            self.assertEqual(server.process.wait(60), 0)
        with self.serve() as server, Client(server.port) as client:
            self.assertEqual(client("DBSIZE"), count)

    def test_of_many_clients_at_work_each_acknowledged_write_is_kept(self):
        acknowledged, resets = [0] * 20, []

        def write(number, port):
            try:
                with Client(port) as client:
                    while True:
                        if client("SET", f"{number}:{acknowledged[number]}", "x") != "OK":
                            return
                        acknowledged[number] += 1
            except (EOFError, ServerError):
                pass
            except ConnectionError as error:
                # A command that was on its way when the connection ended.
                resets.append(error)

        with self.serve() as server:
            threads = [threading.Thread(target=write, args=(i, server.port)) for i in range(20)]
            for thread in threads:
                thread.start()
            limit = time.monotonic() + 60
            while min(acknowledged) < 20 and time.monotonic() < limit:
                time.sleep(0.01)
            self.assertEqual(server.stop(), 0)
            for thread in threads:
                thread.join(60)
            self.assertEqual(server.errors(), [])
        with self.serve() as server, Client(server.port) as client:
            for number, count in enumerate(acknowledged):
                self.assertGreaterEqual(count, 20)
                names = [f"{number}:{i}" for i in range(count)]
                self.assertEqual(client("EXISTS", *names), count)

    def test_who_waits_gets_an_end_and_nobody_new_is_let_in(self):
        with self.serve("--http-port", "0") as server:
            idle, listener, watcher = (Client(server.port) for _ in range(3))
            self.assertEqual(idle("PING"), "PONG")
            listener("SUBSCRIBE", "news")
            # What stands before it in the pipeline is answered when the wait begins.
            watcher.socket.sendall(
                pack("PING") + pack("SESS.EVENTS", "AFTER", "$", "BLOCK", 60_000))
            self.assertEqual(watcher.read(), "PONG")
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            for client in (idle, listener):
                with self.assertRaises(EOFError):
                    client.read()
            self.assertEqual(watcher.read()[1], [], "what it waited for did not come")
            with self.assertRaises(EOFError):
                watcher.read()
            self.assertEqual(server.process.wait(60), 0)
            self.assertLess(time.monotonic() - began, 50, "a minute was waited for")
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", server.port), 10)
            for client in (idle, listener, watcher):
                client.close()

    def test_a_client_that_does_not_read_does_not_keep_the_server(self):
        with self.serve() as server:
            with Client(server.port) as client:
                client("SET", "large", b"x" * (1 << 20))
            lazy = Client(server.port)
            lazy.socket.sendall(pack("GET", "large") * 200)
            with Client(server.port) as client:
                self.assertEqual(client("PING"), "PONG")
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.process.wait(60), 0)
            self.assertLess(time.monotonic() - began, 50)
            lazy.close()

    def test_client_kill_ends_others_also_one_that_does_not_read(self):
        with self.serve() as server, Client(server.port) as admin:
            admin("SET", "large", b"x" * (1 << 20))
            idle, lazy = Client(server.port), Client(server.port)
            number = idle("CLIENT", "ID")
            self.assertEqual(admin("CLIENT", "KILL", "ID", number), 1)
            with self.assertRaises((EOFError, ConnectionError)):
                idle.read()
            number = lazy("CLIENT", "ID")
            lazy.socket.sendall(pack("GET", "large") * 200)
            self.assertEqual(admin("CLIENT", "KILL", "ID", number), 1)
            limit = time.monotonic() + 60
            while b"connected_clients:1\r\n" not in admin("INFO", "clients"):
                self.assertLess(time.monotonic(), limit, "it is still there")
                time.sleep(0.02)
            self.assertEqual(server.errors(), [])
            idle.close()
            lazy.close()

    def test_who_has_read_its_id_can_be_named_by_it(self):
        with self.serve() as server, Client(server.port) as admin:
            for _ in range(200):
                with Client(server.port) as client:
                    number = client("CLIENT", "ID")
                    self.assertEqual(admin("CLIENT", "KILL", "ID", number), 1)

    def test_who_has_said_nothing_is_listed_and_ended(self):
        with self.serve() as server, Client(server.port) as admin, Client(server.port) as silent:
            limit, lines = time.monotonic() + 60, []
            while len(lines) != 1:
                self.assertLess(time.monotonic(), limit, lines)
                listed = admin("CLIENT", "LIST").decode().splitlines()
                lines = [line for line in listed if f"id={admin('CLIENT', 'ID')} " not in line]
            address = "{}:{}".format(*silent.socket.getsockname())
            self.assertIn(f"addr={address} ", lines[0])
            self.assertEqual(admin("CLIENT", "KILL", "ADDR", address), 1)
            with self.assertRaises((EOFError, ConnectionError)):
                silent.read()


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main(verbosity=2)
