# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""Writes docs/explanation/greenroom-performance.md and its plots from the figures of a run."""
import os
import platform
import re
import subprocess
from pathlib import Path

from measures import CASES, median
from servers import LAYOUTS

PAGE = "docs/explanation/greenroom-performance.md"
PLOTS = "docs/explanation/greenroom-performance"
REDIS, OURS = "redis-server", "greenroom"
LAYOUT_TITLES = {"string": "string, 163 B of JSON", "hash": "hash of 5 short fields",
                 "spring": "Spring: hash, shadow key, set", "aspnet": "ASP.NET: hash with 180 B"}


def output_of(*command):
    try:
        return subprocess.run(command, text=True, capture_output=True).stdout.strip()
    except OSError:
        return ""


def facts(run):
    """What the figures depend on, written down when they are made."""
    processor = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "processor": processor[1] if processor else platform.machine(),
        "cores": os.cpu_count(),
        "sessions": run.sessions,
        "rounds": run.rounds,
        "load": f"{os.getloadavg()[2]:.1f}",
        "date": output_of("date", "-u", "+%Y-%m-%d %H:%M UTC"),
        "commit": output_of("git", "-C", str(run.root), "rev-parse", "--short", "HEAD"),
        "redis": (re.search(r"v=([\d.]+)", output_of("redis-server", "--version")) or ["", "?"])[1],
    }


# --- Rows: what, Redis' figure, ours, floor, goal, whether each is kept.

def short(value):
    if value is None:
        return "-"
    if value >= 1e6:
        return f"{value / 1e6:.2f} M"
    if value >= 1e4:
        return f"{value / 1e3:.0f} k"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def row(what, redis, ours, floor, goal, shown=short):
    """Floor and goal: (text, predicate of ours); None: there is none."""
    def judge(bound):
        if bound is None or ours is None:
            return "-" if bound is None else bound[0]
        text, holds = bound
        return f"{text}: {'yes' if holds(ours) else '**no**'}"
    return f"| {what} | {shown(redis)} | {shown(ours)} | {judge(floor)} | {judge(goal)} |"


def throughput_rows(figures):
    shares = {"GET": (0.6, 1), "SET": (0.6, 1), "SET, 16 in a pipeline": (0.4, 0.8),
              "durable SET": (1, 2)}
    rows = []
    for name, *_ in CASES:
        redis, ours = (median(figures[f"{name} {server}"]) for server in (REDIS, OURS))
        floor = goal = None
        if name in shares:
            floor, goal = ((f"{share * 100:.0f} % of Redis", lambda x, s=share: x >= s * redis)
                           for share in shares[name])
        rows.append(row(f"{name}, commands/s", redis, ours, floor, goal))
    return rows


def memory_rows(figures):
    rows = []
    for layout in LAYOUTS:
        redis, ours = (figures[f"{layout} {server}"] for server in (REDIS, OURS))
        floor = goal = None
        if layout == "string":
            floor = ("1.5 x Redis", lambda x: x <= 1.5 * redis)
            goal = ("below Redis, 190 B", lambda x: x < redis and x <= 190)
        if layout in ("spring", "aspnet"):
            floor, goal = ("450 B", lambda x: x <= 450), ("300 B", lambda x: x <= 300)
        rows.append(row(f"memory for each session, {LAYOUT_TITLES[layout]}", redis, ours, floor,
                        goal, lambda x: f"{x:.0f} B"))
    return rows


def million_rows(figures):
    def seconds(x):
        return f"{x:.2f} s"

    def milliseconds(x):
        return f"{x:.0f} ms"
    rows = []
    for what in ("restart after a stop", "restart after kill -9"):
        rows.append(row(what, figures[f"{what} {REDIS}"], figures[f"{what} {OURS}"],
                        ("2.5 s", lambda x: x <= 2.5), ("1 s", lambda x: x <= 1), seconds))
    for at, who in enumerate(("a reader", "a writer")):
        rows.append(row(f"longest wait of {who} during a snapshot",
                        figures[f"snapshot {REDIS}"][at], figures[f"snapshot {OURS}"][at],
                        ("50 ms", lambda x: x <= 50), ("10 ms", lambda x: x <= 10), milliseconds))
        rows.append(row(f"the same in 3 s without one", figures[f"quiet {REDIS}"][at],
                        figures[f"quiet {OURS}"][at], None, None, milliseconds))
    return rows


def expiry_rows(figures):
    redis, ours = figures[REDIS], figures[OURS]
    def percent(x):
        return f"{100 * x:.1f} %"

    def lag(x):
        return "-" if x is None else f"{x:.0f} ms"
    return [
        row("expired events that came within 10 s", redis["delivered"], ours["delivered"],
            ("all", lambda x: x == 1), ("all", lambda x: x == 1), percent),
        row("their lag, p50", redis["p50"], ours["p50"], None, None, lag),
        row("their lag, p99", redis["p99"], ours["p99"], ("1 s", lambda x: x <= 1000),
            ("100 ms", lambda x: x <= 100), lag),
        row("their lag, the longest", redis["max"], ours["max"], None, None, lag)]


def capstone_text(results):
    figures = results.get("capstone")
    if not figures:
        return "Not measured: there was no Elixir.\n"
    ours = results.get("memory", {}).get(f"string {OURS}")
    times = f", {figures['bytes_per_session'] / ours:.0f} times ours" if ours else ""
    rate = results.get("throughput", {}).get(f"GET {OURS}")
    calls = f" Greenroom answers {short(median(rate))} GETs a second, over TCP." if rate else ""
    return (f"{figures['bytes_per_session']:.0f} bytes for each session{times}; "
            f"{short(figures['created_per_second'])} sessions made a second; "
            f"{short(figures['calls_per_second'])} requests a second (find the session, read, "
            "every fifth time write) by 50 clients in the same program, without a network."
            f"{calls} Floor: "
            "ten times better than the capstone.\n")


# --- Plots: pairs of horizontal bars, each pair to its own scale.

def bars(title, pairs, show):
    """pairs: (label, Redis' value, ours)."""
    height = 44 + 52 * len(pairs)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {height}" role="img" '
           f'font-family="sans-serif" font-size="13"><title>{title}</title>',
           f'<text x="10" y="22" font-weight="bold">{title}</text>']
    for number, (label, redis, ours) in enumerate(pairs):
        top, most = 40 + 52 * number, max(redis or 0, ours or 0, 1e-9)
        out.append(f'<text x="250" y="{top + 22}" text-anchor="end">{label}</text>')
        for at, (name, value, colour) in enumerate(
                (("Redis", redis, "#b3402e"), ("Greenroom", ours, "#1f6f4a"))):
            width = 360 * (value or 0) / most
            y = top + 20 * at
            out.append(f'<rect x="260" y="{y}" width="{max(width, 1):.1f}" height="17" '
                       f'fill="{colour}"/>'
                       f'<text x="{266 + width:.1f}" y="{y + 13}">{name} {show(value)}</text>')
    return "\n".join([*out, "</svg>\n"])


def plots(results):
    made = {}
    if "throughput" in results:
        figures = results["throughput"]
        made["throughput"] = bars(
            "Commands a second, 50 connections (more is better)",
            [(name, median(figures[f"{name} {REDIS}"]), median(figures[f"{name} {OURS}"]))
             for name, *_ in CASES], short)
    if "memory" in results:
        figures = results["memory"]
        made["memory"] = bars(
            "Bytes of memory for each session (less is better)",
            [(LAYOUT_TITLES[layout], figures[f"{layout} {REDIS}"], figures[f"{layout} {OURS}"])
             for layout in LAYOUTS], lambda x: f"{x:.0f}")
    if "million" in results:
        figures = results["million"]
        made["restart"] = bars(
            "Seconds from the start to the first answer (less is better)",
            [(what, figures[f"{what} {REDIS}"], figures[f"{what} {OURS}"])
             for what in ("restart after a stop", "restart after kill -9")], lambda x: f"{x:.2f}")
    if "expiry" in results:
        redis, ours = results["expiry"][REDIS], results["expiry"][OURS]
        made["expiry"] = bars(
            "Expired events that came, in % of those due (more is better)",
            [("within 10 s", 100 * redis["delivered"], 100 * ours["delivered"])],
            lambda x: f"{x:.1f}")
    return made


# --- The page.

def write(results, root):
    rows = []
    for part, make in (("throughput", throughput_rows), ("memory", memory_rows),
                       ("million", million_rows), ("expiry", expiry_rows)):
        if part in results:
            rows += make(results[part])
    folder = root / PLOTS
    folder.mkdir(parents=True, exist_ok=True)
    images = []
    for name, svg in plots(results).items():
        (folder / f"{name}.svg").write_text(svg)
        images.append(f"![{name}](greenroom-performance/{name}.svg)")
    known = results.get("facts", {})
    some = max(known.values(), key=lambda part: part.get("sessions", 0), default={})
    sessions = some.get("sessions", 0)
    fewer = [f"{part} with {of['sessions']:,}" for part, of in known.items()
             if of["sessions"] < sessions]
    said = (f"{some.get('processor')}, {some.get('cores')} cores; Redis {some.get('redis')}; "
            f"{some.get('date')}, commit {some.get('commit')}, load average at the time "
            f"{max((part.get('load', '0') for part in known.values()), key=float, default='0')}.")
    if fewer:
        said += (" **Parts measured in a brief run, not with "
                 f"{sessions:,} sessions: {', '.join(fewer)}.**")
    text = Path(__file__).with_name("page.md.in").read_text()
    (root / PAGE).write_text(text.format(
        facts=said, rows="\n".join(rows), plots="\n".join(images), rounds=some.get("rounds"),
        capstone=capstone_text(results), sessions=f"{sessions:,}", due=f"{sessions // 20:,}"))
