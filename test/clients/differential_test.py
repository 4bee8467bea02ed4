#!/usr/bin/env python3
# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""differential_test.py GREENROOM: random commands to Greenroom and to a real redis-server.

Three connections of RESP2 and RESP3 send the same pipelines to both programs: strings, hashes,
sets, keys and expiry, transactions with WATCH, channels, a script, and the same with words missing,
too many or wrong. Every reply must be the same, type and text, and so must be the messages of
keyspace events and channels that come to whoever listens. What Redis leaves open (the order of a
set) is sorted; a time to live may differ by as much as the two programs are apart.

test/greenroom compares single commands byte for byte; here is what only happens over sockets,
between connections and between processes. TROUPE_SEEDS is how many scripts (8; 60 in the nightly
run), TROUPE_SEED the first of them: a failure names its seed.
"""
import os
import random
import shutil
import socket
import sys
import tempfile
import time
import unittest

from greenroom_process import Greenroom, pack
from redis_process import RedisServer

PROGRAM = ""
FIRST = int(os.environ.get("TROUPE_SEED", "1"))
SEEDS = int(os.environ.get("TROUPE_SEEDS", "60" if "TROUPE_NIGHTLY" in os.environ else "8"))
CHUNKS = 250  # pipelines of a script
MESSAGE_LIMIT = 60  # seconds, for a message that comes from another process

KEYS = ["k0", "k1", "k2", "k3", "k4", b"k\x00\xff\r\n"]
FIELDS = ["f0", "f1", "f2", ""]
CHANNELS = ["c0", "c1", "d0"]
VALUES = ["", "a", "0", "7", "-0", "007", "1.5", "-2.25", "3e2", "9223372036854775807", "inf",
          "hello world", b"x\r\ny\x00\xff", "0.1", "a" * 100, "b" * 3000]
# No word that a command might take for a time to live which ends during the run.
NOISE = ["", "a", "k0", "0", "-1", "1.5", "NX", "XX", "GT", "LT", "GET", "KEEPTTL", "PERSIST",
         "EXAT", "9223372036854775807", "99999999999999999999", "match", "k*", "withvalues"]
RELEASE = ('if redis.call("get",KEYS[1]) == ARGV[1] then return redis.call("del",KEYS[1]) '
           'else return 0 end')
SCRIPT_SHA = "b70c2384248f88e6b75b9f89241a180f856ad852"
# Names that get any words: none of them ends a connection, waits, or answers at random.
ANY_WORDS = """
append copy dbsize decr decrby del echo exists expire expireat expiretime get getdel getex getrange
getset hdel hexists hget hgetall hincrby hincrbyfloat hkeys hlen hmget hmset hset hsetnx hstrlen
hvals incr incrby incrbyfloat keys mget mset msetnx persist pexpire pexpireat pexpiretime ping
psetex pttl publish rename renamenx sadd scard select setex setnx setrange sismember smembers
smismember srem strlen substr touch ttl type unlink watch unwatch multi exec discard nosuch
client|getname client|setname client|id client|nosuch config|nosuch config|set pubsub|channels
pubsub|numpat pubsub|numsub pubsub|nosuch object|nosuch script|exists
script|flush evalsha time lastsave role acl|whoami cluster|info cluster|nosuch""".split()
SECONDS = {"ttl", "expiretime"}
MILLISECONDS = {"pttl", "pexpiretime"}
SORTED = {"smembers", "keys", "hkeys", "hvals", "pubsub", "srandmember", "spop", "hrandfield"}
PAIRS = {"hgetall"}
SCANS = {"scan", "sscan", "hscan"}
LISTENING = {"subscribe", "unsubscribe", "psubscribe", "punsubscribe"}


class Wire:
    """A connection that keeps what kind each part of a reply is, and sets messages aside."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")
        self.messages = []

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, requests):
        self.socket.sendall(b"".join(pack(*words) for words in requests))

    def read_any(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError("the connection was closed")
        kind, rest = line[:1].decode(), line[1:-2]
        if kind in "$=" and int(rest) >= 0:
            return kind, self.file.read(int(rest) + 2)[:-2]
        if kind in "*~>" and int(rest) >= 0:
            return kind, [self.read_any() for _ in range(int(rest))]
        if kind == "%":
            return kind, [self.read_any() for _ in range(2 * int(rest))]
        return kind, rest

    def read_or_set_aside(self):
        """A reply; None for a message, which is set aside."""
        kind, value = self.read_any()
        is_message = (kind in "*>" and isinstance(value, list) and value
                      and value[0][1] in (b"message", b"pmessage"))
        if not is_message:
            return kind, value
        self.messages.append(value)
        return None

    def read(self):
        while True:
            reply = self.read_or_set_aside()
            if reply is not None:
                return reply

    def take_messages(self, count):
        """What has come, once it is as much as `count`, or no more comes."""
        self.socket.settimeout(MESSAGE_LIMIT)
        try:
            while len(self.messages) < count:
                assert self.read_or_set_aside() is None, "a reply that nobody asked for"
        except TimeoutError:
            pass
        self.socket.settimeout(60)
        taken, self.messages = self.messages, []
        return sorted(taken)


class State:
    """What the driver knows of a connection, to say only what has one answer."""

    def __init__(self, version):
        self.version = version
        self.queued = None  # the requests of a transaction, if one is gathered
        self.listens = set()

    def is_confined(self):
        return self.listens and self.version == 2


class Script:
    """Requests drawn at random, from a seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        # Each is used once, and 1,000 s from the next: which of two deadlines is the later one must
        # not depend on the milliseconds between two commands.
        self.lives = self.random.sample(range(1, 1_000_000), 100_000)

    def one_of(self, *choices):
        return self.random.choice(choices)

    def key(self):
        return self.random.choice(KEYS)

    def field(self):
        return self.random.choice(FIELDS)

    def value(self):
        return self.random.choice(VALUES)

    def integer(self):
        return self.random.choice([-3, -1, 0, 1, 2, 5, 40, 2**63 - 1, -2**63])

    def life(self):
        return self.lives.pop() * 1000

    def deadline(self):
        """In seconds since 1970: long ago, or in three centuries."""
        return self.random.choice([1, 9_000_000_000, 9_000_001_000, 9_000_002_000])

    def expiry(self):
        """Options of SET and GETEX. A deadline that is past is apart: see past()."""
        return self.one_of([], [], ["EX", self.life()], ["PX", self.life() * 1000],
                           ["EXAT", 9_000_001_000], ["PXAT", 9_000_000_000_001])

    def some(self, draw, most=4):
        return [draw() for _ in range(self.random.randint(1, most))]

    def pairs(self, first, second, most=3):
        return [word for _ in range(self.random.randint(1, most)) for word in (first(), second())]

    def on_string(self):
        key = self.key()
        return self.one_of(
            lambda: ["GET", key], lambda: ["GETDEL", key], lambda: ["STRLEN", key],
            lambda: ["GETSET", key, self.value()], lambda: ["SETNX", key, self.value()],
            lambda: ["SET", key, self.value(), *self.expiry()],
            lambda: ["SET", key, self.value(), *self.expiry(), self.one_of("NX", "XX", "GET")],
            lambda: ["SET", key, self.value(), "XX", "GET"], lambda: ["SET", key, "v", "KEEPTTL"],
            lambda: ["SETEX", key, self.life(), self.value()],
            lambda: ["PSETEX", key, self.life() * 1000, self.value()],
            lambda: ["GETEX", key, *self.expiry()],
            lambda: ["GETEX", key, self.one_of("PERSIST", "persist")],
            lambda: ["GETEX", key, "EXAT", self.deadline()],
            lambda: ["APPEND", key, self.value()],
            lambda: ["GETRANGE", key, self.integer(), self.integer()],
            lambda: ["SUBSTR", key, self.integer(), self.integer()],
            lambda: ["SETRANGE", key, self.one_of(-1, 0, 2, 30), self.value()],
            lambda: [self.one_of("INCR", "DECR"), key],
            lambda: [self.one_of("INCRBY", "DECRBY"), key, self.integer()],
            lambda: ["INCRBYFLOAT", key, self.one_of("1", "0.5", "-1e2", "nan", "x")],
            lambda: ["MGET", *self.some(self.key)],
            lambda: [self.one_of("MSET", "MSETNX"), *self.pairs(self.key, self.value)])()

    def on_hash(self):
        key = self.key()
        return self.one_of(
            lambda: [self.one_of("HSET", "HMSET"), key, *self.pairs(self.field, self.value)],
            lambda: ["HSETNX", key, self.field(), self.value()],
            lambda: [self.one_of("HGET", "HEXISTS", "HSTRLEN"), key, self.field()],
            lambda: ["HMGET", key, *self.some(self.field)],
            lambda: [self.one_of("HGETALL", "HKEYS", "HVALS", "HLEN"), key],
            lambda: ["HDEL", key, *self.some(self.field)],
            lambda: ["HINCRBY", key, self.field(), self.integer()],
            lambda: ["HINCRBYFLOAT", key, self.field(), self.one_of("1", "0.5", "x")],
            lambda: ["HRANDFIELD", key, 100], lambda: ["HSCAN", key, 0, "COUNT", 1000])()

    def on_set(self):
        key = self.key()
        return self.one_of(
            lambda: [self.one_of("SADD", "SADD", "SREM", "SMISMEMBER"), key,
                     *self.some(self.value)],
            lambda: ["SISMEMBER", key, self.value()],
            lambda: [self.one_of("SMEMBERS", "SCARD"), key],
            lambda: [self.one_of("SPOP", "SRANDMEMBER"), key, 100],
            lambda: ["SSCAN", key, 0, "COUNT", 1000])()

    def on_key(self):
        key = self.key()
        condition = self.one_of([], ["NX"], ["XX"], ["gt"], ["LT"], ["NX", "GT"], ["XX", "LT"])
        return self.one_of(
            lambda: [self.one_of("DEL", "UNLINK", "EXISTS", "TOUCH"), *self.some(self.key)],
            lambda: [self.one_of("TYPE", "PERSIST"), key],
            lambda: [self.one_of("TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"), key],
            lambda: ["EXPIRE", key, self.life(), *condition],
            lambda: ["PEXPIRE", key, self.life() * 1000, *condition],
            lambda: ["EXPIRE", key, self.one_of(0, -1, -10**15), *condition],
            lambda: ["EXPIREAT", key, self.deadline(), *condition],
            lambda: ["PEXPIREAT", key, self.deadline() * 1000, *condition],
            lambda: [self.one_of("RENAME", "RENAMENX"), key, self.key()],
            lambda: ["COPY", key, self.key(), *self.one_of([], ["REPLACE"], ["DB", 1])])()

    def on_all_keys(self):
        return self.one_of(["DBSIZE"], ["KEYS", "*"], ["KEYS", "k[0-2]"], ["RANDOMKEY"],
                           ["SCAN", 0, "COUNT", 1000], ["SCAN", 0, "TYPE", "hash", "COUNT", 1000],
                           ["SCAN", 0, "MATCH", "k?", "COUNT", 1000])

    def on_connection(self):
        return self.one_of(["PING"], ["PING", "x"], ["ECHO", self.value()],
                           ["SELECT", self.one_of(0, 0, 0, 1, 16)], ["CLIENT", "SETNAME", "me"],
                           ["CLIENT", "GETNAME"], ["PUBLISH", self.random.choice(CHANNELS), "m"],
                           ["PUBSUB", "CHANNELS", "c*"], ["PUBSUB", "NUMPAT"],
                           ["PUBSUB", "NUMSUB", *CHANNELS], ["EVAL", RELEASE, 1, self.key(), "a"],
                           ["EVALSHA", SCRIPT_SHA, 1, self.key(), "a"],
                           ["CONFIG", "GET", "maxmemory"], ["ACL", "WHOAMI"])

    def any_words(self):
        return [*self.random.choice(ANY_WORDS).split("|"),
                *(self.random.choice(NOISE) for _ in range(self.random.randint(0, 5)))]

    def spoilt(self, words):
        """A request with a mistake in it, more often than not."""
        words = list(words)
        at = self.random.randrange(1, len(words) + 1)
        change = self.random.randrange(4)
        if change == 0:
            return words[:at]
        if change == 1:
            return [*words, self.random.choice(NOISE)]
        if change == 2 and at < len(words):
            words[at] = self.random.choice(NOISE)
        words[0] = str(words[0]).swapcase()
        return words

    def request(self, state):
        if state.is_confined():
            return self.one_of(self.listening, self.listening, lambda: ["PING"],
                               lambda: ["PING", "x"], lambda: ["GET", self.key()],
                               lambda: ["MULTI"], lambda: ["RESET"])()
        if state.queued is not None:
            kind = self.random.choice(["data"] * 16 + ["end"] * 3 + ["words"])
        else:
            kind = self.random.choice(["data"] * 30 + ["all", "begin", "begin", "words", "words",
                                                       "words", "listen", "version", "past"])
        if kind == "end":
            return self.one_of(["EXEC"], ["EXEC"], ["EXEC"], ["DISCARD"], ["WATCH", "k0"],
                               ["MULTI"])
        if kind == "begin":
            return self.one_of(["MULTI"], ["MULTI"], ["WATCH", *self.some(self.key, 2)],
                               ["UNWATCH"], ["EXEC"], ["DISCARD"])
        if kind == "all":
            return self.on_all_keys()
        if kind == "words":
            return self.any_words()
        if kind == "listen":
            return self.listening()
        if kind == "version":
            return self.one_of(["HELLO", 2], ["HELLO", 3], ["HELLO", 4], ["RESET"])
        if kind == "past":
            return ["SET", self.key(), "v", *self.one_of(["EXAT", 1], ["PXAT", 1000])]
        draw = self.random.choice([self.on_string] * 3 + [self.on_hash, self.on_hash, self.on_set,
                                                          self.on_key, self.on_key,
                                                          self.on_connection])
        words = draw()
        # A script of theirs may do without an argument, one of ours may not.
        is_script = words[0] in ("EVAL", "EVALSHA")
        return self.spoilt(words) if self.random.random() < 0.08 and not is_script else words

    def listening(self):
        if self.random.random() < 0.3:
            return [self.one_of("PSUBSCRIBE", "PUNSUBSCRIBE"), self.one_of("c*", "[cd]0")]
        return [self.one_of("SUBSCRIBE", "UNSUBSCRIBE"),
                *self.some(lambda: self.one_of(*CHANNELS), 2)]


def name_of(words):
    return str(words[0]).lower()


def is_unsuited(words, state):
    """What would make the two programs differ for a reason that is told in the documentation, or
    the driver lose count of the replies."""
    name = name_of(words)
    on_all = {"scan", "keys", "dbsize", "randomkey"}
    if state.queued is not None and (name in on_all or name in LISTENING or name == "hello"):
        return True
    # Redis 7.0 writes a message to oneself into the middle of EXEC's array.
    if state.queued is not None and name == "publish" and state.listens:
        return True
    return name in ("spop", "srandmember", "hrandfield") and (len(words) != 3 or words[2] != 100)


def note(words, reply, state):
    """Keeps the state as the server has it after this."""
    name, (kind, value) = name_of(words), reply
    failed = kind == "-"
    if name in LISTENING and not failed:
        state.listens = (state.listens | {(name[0] == "p", word) for word in words[1:]}
                         if name.endswith("psubscribe") or name == "subscribe"
                         else state.listens - {(name[0] == "p", word) for word in words[1:]})
    elif name == "multi" and not failed:
        state.queued = []
    elif name in ("exec", "discard") and not (failed and b"wrong number" in value):
        state.queued = None
    elif name == "reset" and not failed:
        state.queued, state.listens, state.version = None, set(), 2
    elif name == "hello" and not failed and len(words) > 1:
        state.version = int(words[1])
    elif state.queued is not None and (kind, value) == ("+", b"QUEUED"):
        state.queued.append(words)


def is_near(ours, theirs, most):
    return (ours[0] == theirs[0] == ":" and int(ours[1]) > 0 and int(theirs[1]) > 0
            and abs(int(ours[1]) - int(theirs[1])) <= most)


def in_order(words, reply):
    """The reply with what has no order sorted."""
    name, (kind, value) = name_of(words), reply
    if not isinstance(value, list):
        return ("some", kind) if name == "randomkey" else reply
    if name in PAIRS:
        return kind, sorted(zip(value[::2], value[1::2]))
    if name in SCANS and len(value) == 2 and isinstance(value[1][1], list):
        inner = value[1][1]
        inner = sorted(zip(inner[::2], inner[1::2])) if name == "hscan" else sorted(inner)
        return kind, [value[0], (value[1][0], inner)]
    if name == "hello":  # server, version and the number of the connection differ
        return kind, [part for i, part in enumerate(value) if i not in (1, 3, 7)]
    return (kind, sorted(value)) if name in SORTED else reply


def same(words, ours, theirs, queued):
    """Whether the two replies to a request (of a transaction: to all of `queued`) agree."""
    name = name_of(words)
    if name == "exec" and queued is not None and "*" == ours[0] == theirs[0] \
            and isinstance(ours[1], list) and isinstance(theirs[1], list):
        return (len(ours[1]) == len(theirs[1]) == len(queued)
                and all(same(each, *both, None)
                        for each, *both in zip(queued, ours[1], theirs[1])))
    if name in ("time", "lastsave") or (name, str(words[-1]).lower()) == ("client", "id"):
        return ours[0] == theirs[0]
    if name in ("eval", "evalsha") and ours[0] == theirs[0] == "-":
        # Redis adds in which line of the script.
        return theirs[1].startswith(ours[1])
    return (in_order(words, ours) == in_order(words, theirs)
            or (name in SECONDS and is_near(ours, theirs, 60))
            or (name in MILLISECONDS and is_near(ours, theirs, 60_000)))


def without(some, others):
    rest = list(others)
    return [each for each in some if each not in rest or rest.remove(each)]


class Pair:
    """The same connection to both programs."""

    def __init__(self, ports, version):
        self.state = State(2)
        self.wires = [Wire(port) for port in ports]
        self.history = []
        self.ask([["HELLO", version]])

    def close(self):
        for wire in self.wires:
            wire.close()

    def ask(self, requests):
        """Sends all at once; a difference is an AssertionError that shows what led to it."""
        for wire in self.wires:
            wire.send(requests)
        for words in requests:
            count = len(words) - 1 if name_of(words) in LISTENING else 1
            self.history.append(words)
            for _ in range(count):
                ours, theirs = (wire.read() for wire in self.wires)
                if not same(words, ours, theirs, self.state.queued):
                    raise AssertionError(f"{words}: {ours}, but redis-server says {theirs}; "
                                         f"before: {self.history[-25:]}")
            note(words, theirs, self.state)

    def compare_messages(self):
        # Whatever has been said to this connection comes before the answer.
        self.ask([["PING"]])
        count = len(self.wires[1].messages)
        ours, theirs = (wire.take_messages(count) for wire in self.wires)
        if ours != theirs:
            raise AssertionError(f"messages only here: {without(ours, theirs)}, only of "
                                 f"redis-server: {without(theirs, ours)}")


class Differential(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.TemporaryDirectory()
        cls.ours = Greenroom(PROGRAM, cls.data.name + "/greenroom", "--durability", "relaxed")
        cls.redis = RedisServer(cls.data.name, "--save", "", "--appendonly", "no")

    @classmethod
    def tearDownClass(cls):
        cls.redis.end()
        cls.ours.__exit__()
        cls.data.cleanup()

    def test_random_commands_of_three_connections_answer_as_in_redis(self):
        for seed in range(FIRST, FIRST + SEEDS):
            with self.subTest(seed=seed):
                self.run_script(seed)

    def run_script(self, seed):
        script = Script(seed)
        ports = [self.ours.port, self.redis.port]
        pairs = [Pair(ports, version) for version in (2, 3, 2)]
        listener = Pair(ports, 3)
        try:
            pairs[0].ask([["FLUSHALL"], ["SCRIPT", "FLUSH"],
                          ["CONFIG", "SET", "notify-keyspace-events", "KEg$hsn"]])
            listener.ask([["PSUBSCRIBE", "__key*"]])
            for _ in range(CHUNKS):
                asked = self.run_chunk(script, script.random.choice(pairs))
                try:
                    for pair in [*pairs, listener]:
                        pair.compare_messages()
                except AssertionError as difference:
                    raise AssertionError(f"{difference}, after {asked}") from None
        finally:
            for pair in [*pairs, listener]:
                pair.close()

    def run_chunk(self, script, pair):
        requests = []
        # What the state will be cannot be known before the replies: what changes it ends a chunk.
        changes = {"multi", "exec", "discard", "reset", "hello", *LISTENING}
        for _ in range(script.random.randint(1, 12)):
            words = script.request(pair.state)
            if is_unsuited(words, pair.state):
                continue
            is_past = words[0] == "SET" and words[-1] in (1, 1000)
            if is_past:
                # Of a key that was not there before, Greenroom tells nothing.
                requests.append(["SET", words[1], "v"])
            requests.append(words)
            if is_past:
                # Redis forgets it when somebody next looks for it.
                requests.append(["EXISTS", words[1]])
            if name_of(words) in changes:
                break
        pair.ask(requests)
        return requests


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    if shutil.which("redis-server") is None:
        print("redis-server is not installed")
        sys.exit(77)
    started = time.monotonic()
    result = unittest.main(exit=False).result
    print(f"{SEEDS} scripts of {CHUNKS} pipelines in {time.monotonic() - started:.0f} s")
    sys.exit(not result.wasSuccessful())
