# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""What is measured: each function runs the pair and gives figures by server."""
import re
import shutil
import statistics
import subprocess
import threading
import time

from servers import LAYOUTS, Client, Greenroom, Redis, fill

BOTH = (Redis, Greenroom)


def memory(run):
    """Bytes of resident memory for each session, and what keys and values alone take."""
    figures = {}
    for layout, commands_of in LAYOUTS.items():
        count = run.sessions if layout == "string" else run.sessions // 2
        for kind in BOTH:
            with kind("memory", run.program) as server:
                empty = server.resident()
                with run.step(f"memory, {layout}, {kind.name}", count) as progress:
                    fill(server.port, count, commands_of, progress)
                    full = server.settled()
                figures[f"{layout} {kind.name}"] = (full - empty) / count
                figures[f"{layout} {kind.name} whole"] = full
    return figures


# --- Throughput, by Redis' own load generator.

def redis_benchmark(port, test, pipeline, requests, clients=50):
    """Commands a second, and the median latency in ms."""
    done = subprocess.run(
        ["redis-benchmark", "-p", str(port), "-t", test, "-c", str(clients), "-P", str(pipeline),
         "-n", str(requests), "-d", "163", "-r", "100000", "--csv"],
        check=True, text=True, capture_output=True)
    for line in done.stdout.splitlines():
        fields = line.replace('"', "").split(",")
        if fields[0].lower().startswith(test):
            return float(fields[1]), float(fields[4]) if len(fields) > 4 else float("nan")
    raise RuntimeError(f"redis-benchmark said: {done.stdout} {done.stderr}")


CASES = [  # name, mode, test, pipeline, requests
    ("GET", "memory", "get", 1, 150_000),
    ("SET", "memory", "set", 1, 150_000),
    ("GET, 16 in a pipeline", "memory", "get", 16, 800_000),
    ("SET, 16 in a pipeline", "memory", "set", 16, 800_000),
    ("durable SET", "durable", "set", 1, 60_000),
    ("durable SET, 16 in a pipeline", "durable", "set", 16, 200_000),
]


def throughput(run):
    """Rates of each pair back to back, in rounds; the medians, and every round."""
    figures = {}
    for mode in ("memory", "durable"):
        servers = [kind(mode, run.program) for kind in BOTH]
        try:
            for server in servers:
                redis_benchmark(server.port, "set", 16, 100_000)  # fills the keys in
            cases = [case for case in CASES if case[1] == mode]
            with run.step(f"throughput, {mode}", run.rounds * len(cases)) as progress:
                for number in range(run.rounds):
                    for at, (name, _, test, pipeline, requests) in enumerate(cases):
                        for server in servers:
                            rate, _ = redis_benchmark(server.port, test, pipeline,
                                                      int(requests * run.scale))
                            figures.setdefault(f"{name} {server.name}", []).append(rate)
                        progress(number * len(cases) + at + 1)
        finally:
            for server in servers:
                server.remove()
    return figures


# --- A million sessions: restart, snapshots, expiry.

class Prober(threading.Thread):
    """Asks every ten milliseconds, which is what one connection's durable writes can keep up with
    beside a snapshot; the latencies in seconds. In a thread, with its own connection."""

    def __init__(self, port, words):
        super().__init__(daemon=True)
        self.client, self.words = Client(port), words
        self.over, self.latencies = threading.Event(), []

    def run(self):
        due = time.perf_counter()
        while not self.over.is_set():
            # From the moment it was due: a stall is seen by all that it held up.
            self.client(*self.words)
            now = time.perf_counter()
            self.latencies.append(now - due)
            due = max(due + 0.010, now - 1)
            if due > now:
                time.sleep(due - now)

    def finish(self):
        self.over.set()
        self.join()
        self.client.close()
        return sorted(self.latencies)


def probe(port, wait):
    """The longest waits of a reader and a writer while `wait` runs, in ms."""
    commands = ("EXISTS", "sess:probe"), ("SET", "sess:probe", "x" * 163)
    probers = [Prober(port, command) for command in commands]
    for prober in probers:
        prober.start()
    wait()
    return [1000 * prober.finish()[-1] for prober in probers]


def million(run):
    """Restart after a kill and after a stop, and pauses while a snapshot is made."""
    figures = {}
    for kind in BOTH:
        with kind("default", run.program) as server:
            with run.step(f"restart and snapshot, {kind.name}", run.sessions) as progress:
                fill(server.port, run.sessions, LAYOUTS["string"], progress, step=4_000)
                with Client(server.port) as client:
                    figures[f"quiet {kind.name}"] = probe(server.port, lambda: time.sleep(3))
                    is_done = server.snapshot(client)
                    begin = time.time()

                    def wait():
                        while not is_done() and time.time() < begin + 60:
                            time.sleep(0.05)

                    figures[f"snapshot {kind.name}"] = probe(server.port, wait)
                    figures[f"snapshot seconds {kind.name}"] = time.time() - begin
                server.stop()
                figures[f"restart after a stop {kind.name}"] = restart(run, server)
                server.kill()
                figures[f"restart after kill -9 {kind.name}"] = restart(run, server)
    return figures


def restart(run, server):
    seconds = server.start()
    with Client(server.port) as client:
        there = int(client("DBSIZE")[1:])
    if there < run.sessions:
        raise RuntimeError(f"{server.name} came back with {there} sessions")
    return seconds


def expiry(run):
    """When the `expired` events of 50,000 among a million came, that fell due within 5 s."""
    figures = {}
    count, spread_ms = max(run.sessions // 20, 100), 5_000
    for kind in BOTH:
        with kind("memory", run.program) as server, Client(server.port) as client:
            with run.step(f"expiry, {kind.name}", run.sessions) as progress:
                fill(server.port, run.sessions, LAYOUTS["string"], progress)
                client("CONFIG", "SET", "notify-keyspace-events", "Ex")
                lags = expired_lags(server.port, client, count, spread_ms)
            lags.sort()
            figures[kind.name] = {
                "delivered": len(lags) / count,
                "p50": 1000 * lags[len(lags) // 2] if lags else None,
                "p99": 1000 * lags[len(lags) * 99 // 100] if lags else None,
                "max": 1000 * lags[-1] if lags else None}
    return figures


def expired_lags(port, client, count, spread_ms):
    with Client(port, 0.2) as listener:
        listener.send(("SUBSCRIBE", "__keyevent@0__:expired"))
        time.sleep(0.2)
        listener.socket.recv(4096)
        first = int(time.time() * 1000) + 3_000
        due = [first + number * spread_ms // count for number in range(count)]
        for start in range(0, count, 1000):
            part = range(start, min(start + 1000, count))
            client.send(*[("SET", f"due:{n}", "x" * 163, "PXAT", due[n]) for n in part])
            client.lines(len(part))
        lags, text, end = [], b"", due[-1] / 1000 + 5
        while len(lags) < count and time.time() < end:
            try:
                text += listener.socket.recv(1 << 18)
            except TimeoutError:
                continue
            now = time.time()
            found = list(re.finditer(rb"due:(\d+)\r\n", text))
            lags += [now - due[int(match[1])] / 1000 for match in found]
            if found:
                text = text[found[-1].end():]
        return lags


# --- The course's own capstone.

def capstone(run):
    """Bytes for each session, sessions and calls made a second, as the course has it."""
    if not shutil.which("elixir"):
        return {}
    with run.step("the Elixir capstone", 1) as progress:
        done = subprocess.run(
            ["elixir", "--erl", "+P 2000000", run.root / "bench/peers/elixir/session_store.exs",
             str(run.sessions // 10), "4"],
            check=True, text=True, capture_output=True, cwd=run.scratch)
        progress(1)
    found = re.findall(r"^(\w+) ([\d.]+)$", done.stdout, re.M)
    return {name: float(value) for name, value in found}


def median(values):
    return statistics.median(values)
