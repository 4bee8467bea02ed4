# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""Writes docs/explanation/performance.md and its plots from the results of a run with the peers."""
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import tempfile
from pathlib import Path

from rows import ROWS

PAGE = "docs/explanation/performance.md"
PLOTS = "docs/explanation/performance"
NAMES = {"troupe": "Troupe", "erlang": "Erlang", "elixir": "Elixir", "go": "Go", "caf": "CAF",
         "tokio": "tokio"}
ORDER = list(NAMES)


def short(value):
    """1234567 -> 1.23 M"""
    for factor, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= factor:
            return f"{value / factor:.3g}{letter}"
    return f"{value:.3g}"


def times(ratio):
    """A ratio, for people."""
    return f"{ratio:.2g}x" if ratio < 100 else f"{ratio:,.0f}x"


def output_of(command):
    try:
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.stdout.strip()
    except OSError:
        return ""


def version(command, pattern):
    found = re.search(pattern, output_of(command))
    return found.group(1) if found else "absent"


def machine_facts(root):
    """What the figures depend on, but for what compilers take."""
    processor = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text()).group(1))
    caf = "/usr/include/caf/config.hpp"
    number = "0"
    if os.path.exists(caf):
        number = version(["grep", "define CAF_VERSION", caf], r"CAF_VERSION (\d+)")
    return {
        "processor": processor.group(1) if processor else platform.machine(),
        "cores": os.cpu_count(),
        "memory": f"{memory / 1048576:.0f} GiB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "commit": output_of(["git", "-C", str(root), "rev-parse", "--short", "HEAD"]),
        "date": output_of(["date", "-u", "+%Y-%m-%d %H:%M UTC"]),
        "load": f"{os.getloadavg()[2]:.1f}",
        "versions": {
            "clang": version(["clang++-19", "--version"], r"clang version ([\d.]+)"),
            "Erlang/OTP": output_of(["erl", "-noshell", "-eval",
                                     'io:put_chars(erlang:system_info(otp_release)), halt().']),
            "Elixir": version(["elixir", "--version"], r"Elixir ([\d.]+)"),
            "Go": version(["go", "version"], r"go([\d.]+)"),
            "CAF": f"{int(number) // 10000}.{int(number) // 100 % 100}.{int(number) % 100}",
            "tokio": version(["dpkg-query", "-W", "librust-tokio-dev"], r"\s([\d.]+)"),
            "rustc": version(["rustc", "--version"], r"rustc ([\d.]+)"),
        },
    }


# --- What the compiler has to do for a small program.

def handlers(count, library):
    """A server with `count` message types and a handler for each."""
    if library == "troupe":
        lines = ["#include <troupe/troupe.hpp>", "using namespace troupe;",
                 "struct Server : GenServer<Server> {"]
        for i in range(count):
            lines.append(f"  struct M{i} {{ int a; using Reply = int; }};")
            lines.append(f"  int handle_call(M{i} m) {{ return sum += m.a + {i}; }}")
        lines += ["  int sum = 0;", "};", "int main() {",
                  "  return run([](Process& self) -> Async<int> {",
                  "    const auto s = co_await Server::start(self);", "    int n = 0;"]
        lines += [f"    n += co_await call(self, s, Server::M{i}{{1}});" for i in range(count)]
        lines += ["    co_return n == 0;", "  });", "}"]
    else:
        lines = ["#include <caf/all.hpp>"]
        lines += [f"struct m{i} {{ int a; }};\n"
                  f"template <class I> typename I::result_type inspect(I& f, m{i}& m) "
                  f"{{ return f(m.a); }}" for i in range(count)]
        lines += ["caf::behavior server(caf::event_based_actor*) {",
                  "  auto sum = std::make_shared<int>(0);", "  return {"]
        lines.append(",\n".join(f"    [=](const m{i}& m) {{ return *sum += m.a + {i}; }}"
                                for i in range(count)))
        lines += ["  };", "}", "void caf_main(caf::actor_system& system) {",
                  "  caf::scoped_actor self{system};", "  auto s = system.spawn(server);"]
        lines += [f"  self->request(s, caf::infinite, m{i}{{1}}).receive([](int) {{}}, "
                  f"[](const caf::error&) {{}});" for i in range(count)]
        lines += ["}", "CAF_MAIN()"]
    return "\n".join(lines) + "\n"


def compile_once(source, library, root, folder):
    standard = ["-std=c++23", f"-I{root}/include"] if library == "troupe" else ["-std=c++17"]
    target = f"{folder}/out.o"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(["clang++-19", *standard, "-O2", "-c", source, "-o", target],
                          stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        return None
    size = output_of(["size", "-A", target])
    kept = sum(int(line.split()[1]) for line in size.splitlines()
               if re.match(r"\.(text|rodata|data|gcc_except_table|eh_frame)", line))
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, kept


def compile_costs(root):
    """{program: {library: [seconds of processor time, bytes of object code]}}"""
    costs = {}
    with tempfile.TemporaryDirectory() as folder:
        for program in ("standard", "hello", "counter", "80 handlers"):
            costs[program] = {}
            for library in ("troupe",) if program == "standard" else ("troupe", "caf"):
                if library == "caf" and not os.path.exists("/usr/include/caf/all.hpp"):
                    continue
                if program == "80 handlers":
                    source = f"{folder}/handlers_{library}.cpp"
                    Path(source).write_text(handlers(80, library))
                else:
                    source = f"{root}/bench/compile/{program}_{library}.cpp"
                # One that takes half a minute needs no second.
                runs = [compile_once(source, library, root, folder)]
                if runs[0] and runs[0][0] < 10:
                    runs += [compile_once(source, library, root, folder) for _ in range(4)]
                if all(runs):
                    costs[program][library] = [min(run[0] for run in runs), runs[0][1]]
    return costs


# --- Rows.

class Figures:
    """The medians of one row."""

    def __init__(self, row, results):
        self.row = row
        self.others = {}  # all rows by title, for those that are compared with another
        self.starved = {}  # who was not served as often as was expected, and the part that was
        self.medians = {}
        self.spread = {}
        self.runs = 0
        for peer in ("troupe", *row.peers):
            for workers in row.workers:
                values = self.find(results, peer, workers, row.metrics.get(peer, row.metric))
                if row.served and values and peer != "troupe":
                    part = (statistics.median(self.find(results, peer, workers, row.served))
                            / statistics.median(self.find(results, peer, workers, "expected")))
                    # The lateness of those who did get through says nothing.
                    if part < 0.99:
                        self.starved[peer, workers] = part
                        continue
                if values:
                    self.medians[peer, workers] = statistics.median(values)
                    self.spread[peer, workers] = (min(values), max(values))
                    self.runs = max(self.runs, len(values))

        if row.served:
            self.served = self.find(results, "troupe", row.workers[-1], row.served)
            self.expected = self.find(results, "troupe", row.workers[-1], "expected")

    def find(self, results, peer, workers, metric):
        row = self.row
        for sizes in (row.sizes.get(peer), row.full, row.brief):
            values = results.get((row.workload, sizes, metric, peer, workers))
            if values:
                return values
        return None

    def ratio(self, peer, workers):
        """How many times better we are; None if either is missing."""
        ours = self.medians.get(("troupe", workers))
        if peer == "best":
            rest = [self.ratio(other, workers) for other in self.compared()]
            return min((value for value in rest if value is not None), default=None)
        if (peer, workers) in self.starved:
            return float("inf")
        theirs = self.medians.get((peer, workers))
        if not ours or not theirs:
            return None
        return theirs / ours if self.row.less_is_better else ours / theirs

    def compared(self):
        return [peer for peer in self.row.peers if peer not in self.row.apart]

    def best_peer(self, workers):
        known = [(self.ratio(peer, workers), peer) for peer in self.compared()
                 if self.ratio(peer, workers) is not None]
        return min(known)[1] if known else None

    def verdicts(self):
        """(text, met) for each goal and number of workers."""
        row = self.row
        for peer, factor in row.goals:
            for workers in row.workers:
                ratio = self.ratio(peer, workers)
                if ratio is None:
                    continue
                name = NAMES.get(peer) or f"the best ({NAMES[self.best_peer(workers)]})"
                yield (f"{times(ratio)} {name} with {workers} worker{'s' * (workers > 1)} "
                       f"(goal {factor:g}x)", ratio >= factor)
        if row.limit is not None:
            for workers in row.workers:
                ours = self.medians.get(("troupe", workers))
                if ours is None:
                    continue
                met = ours <= row.limit if row.less_is_better else ours >= row.limit
                word = "at most" if row.less_is_better else "at least"
                yield f"{short(ours)} {row.unit} (goal: {word} {short(row.limit)})", met
        one, two = self.medians.get(("troupe", 1)), self.medians.get(("troupe", 2))
        if row.communicates and one and two:
            yield f"2 workers at {two / one:.0%} of 1 (goal: at least 85 %)", two >= 0.85 * one
        if row.scales and one and two:
            factor = one / two if row.less_is_better else two / one
            yield (f"2 workers are {factor:.2f}x as good as 1 (goal: {row.scales:g}x)",
                   factor >= row.scales)
        for workers in row.workers:
            rate = self.medians.get(("troupe", workers))
            if row.messages and rate:
                cost = 1e9 / rate / row.messages
                yield (f"{cost:.0f} ns a message with {workers} worker{'s' * (workers > 1)} "
                       f"(goal: at most 75)", cost <= 75)
        if row.served and self.served:
            served, expected = sum(self.served), sum(self.expected)
            yield f"{served / expected:.2%} served (goal: all)", served == expected
        if row.flat_with:
            yield from self.growth()

    def growth(self):
        title, factor = self.row.flat_with
        workers = self.row.workers[-1]
        ours = self.medians.get(("troupe", workers))
        if title not in self.others:
            return
        other = self.others[title].medians.get(("troupe", workers))
        if ours and other:
            ratio = ours / other if self.row.less_is_better else other / ours
            yield (f"{ratio:.2f}x the cost of \"{title}\" (goal: at most {factor:g}x)",
                   ratio <= factor)


def plot(path, figures):
    """Horizontal bars, a light one for each peer and a dark one for us; most workers measured."""
    row = figures.row
    workers = row.workers[-1]
    bars = [(peer, figures.medians[peer, workers]) for peer in ORDER
            if (peer, workers) in figures.medians]
    idle = [(peer, figures.starved[peer, workers]) for peer in ORDER
            if (peer, workers) in figures.starved]
    longest = max(value for _, value in bars) or 1
    height = 34 + 22 * (len(bars) + len(idle))
    better = "less is better" if row.less_is_better else "more is better"
    plural = "s" if workers > 1 else ""
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="640" height="{height}" '
             f'font-family="sans-serif" font-size="12">',
             f'<rect width="640" height="{height}" fill="#ffffff"/>',
             f'<text x="8" y="18" font-weight="bold">{row.title}</text>',
             f'<text x="632" y="18" text-anchor="end" fill="#666666">{row.unit}, {workers} '
             f'worker{plural}, {better}</text>']
    for place, (peer, value) in enumerate(bars):
        y = 28 + 22 * place
        width = max(1, 440 * value / longest)
        fill = "#1f5fa8" if peer == "troupe" else "#b9c4d0"
        lines += [f'<text x="64" y="{y + 13}" text-anchor="end">{NAMES[peer]}</text>',
                  f'<rect x="72" y="{y}" width="{width:.1f}" height="17" fill="{fill}"/>',
                  f'<text x="{78 + width:.1f}" y="{y + 13}">{short(value)}</text>']
    for place, (peer, part) in enumerate(idle, len(bars)):
        y = 41 + 22 * place
        lines += [f'<text x="64" y="{y}" text-anchor="end">{NAMES[peer]}</text>',
                  f'<text x="78" y="{y}">{starved(part)}</text>']
    path.write_text("\n".join(lines + ["</svg>"]) + "\n")


def starved(part):
    return "never served" if part == 0 else f"{part:.0%} served"


def slug(row):
    return re.sub(r"[^a-z0-9]+", "-", row.title.lower()).strip("-")


def cell(figures, peer):
    def text(workers):
        if (peer, workers) in figures.starved:
            return starved(figures.starved[peer, workers])
        value = figures.medians.get((peer, workers))
        return "-" if value is None else short(value)

    texts = [text(workers) for workers in figures.row.workers]
    if all(text == "-" for text in texts):
        return ""
    joined = " / ".join(texts)
    return f"*{joined}*" if peer in figures.row.apart else joined


def write(root, out, results):
    facts = json.loads((out / "machine.json").read_text())
    all_figures = [figures for figures in (Figures(row, results) for row in ROWS)
                   if any(peer == "troupe" for peer, _ in figures.medians)]
    for figures in all_figures:
        figures.others = {other.row.title: other for other in all_figures}
    plots = root / PLOTS
    plots.mkdir(parents=True, exist_ok=True)
    for old in plots.glob("*.svg"):
        old.unlink()
    text = [head(facts, max(figures.runs for figures in all_figures)), table(all_figures)]
    text.append(summary(all_figures))
    text.append("## Row by row\n")
    for figures in all_figures:
        text.append(section(figures, plots))
    text.append(compile_section(facts.get("compile", {})))
    (root / PAGE).write_text("\n".join(text))


def head(facts, runs):
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    return f"""# Performance

How fast Troupe is beside what else one might use, measured in one run on one machine,
interleaved: each repetition runs every program once, so that whatever else the machine does hits
all alike. This page is written by `./dev bench --peers`; run it to get the figures of yours.

- Machine: {facts['processor']}, {facts['cores']} virtual cores, {facts['memory']},
  {facts['system']}; the cores belong to a virtual machine, and waking a halted one takes 15 to 35
  us.
- Commit {facts['commit']}, {facts['date']}, load average {facts['load']}; medians of up to {runs}
  runs.
- {versions}; all from Debian packages where Debian has them, built with optimisation.
- Ours: default options, ordinary structs and pids, the library as users link it. A column with
  two figures is for 1 and for 2 workers (schedulers, threads); one figure is for 2.
- What the same row means for a peer that has no such thing (a supervisor in Go, selective receive
  in tokio) is said in its program in `bench/peers`; it is the nearest thing one would write by
  hand.
"""


def table(all_figures):
    lines = ["## Table\n", "| | unit | " + " | ".join(NAMES[peer] for peer in ORDER) + " |",
             "|---|---|" + "---|" * len(ORDER)]
    for figures in all_figures:
        row = figures.row
        cells = [cell(figures, peer) for peer in ORDER]
        cells[0] = f"**{cells[0]}**"
        lines.append(f"| {row.title} | {row.unit} | " + " | ".join(cells) + " |")
    lines.append("\nWhat stands in italics is something else than the row asks for, and is counted "
                 "nowhere; the row's section says what.")
    return "\n".join(lines) + "\n"


def summary(all_figures):
    met, missed = 0, []
    for figures in all_figures:
        for text, is_met in figures.verdicts():
            met += is_met
            if not is_met:
                missed.append(f"- {figures.row.title}: {text}")
    lost = []
    for figures in all_figures:
        for workers in figures.row.workers:
            ratio = figures.ratio("best", workers)
            # Less than a twentieth is noise.
            if ratio is not None and ratio < 1 / 1.05:
                peer = NAMES[figures.best_peer(workers)]
                lost.append(f"- {figures.row.title}, {workers} worker{'s' * (workers > 1)}: "
                            f"{peer} is {times(1 / ratio)} better")
    lines = ["## Goals\n", f"{met} goals met, {len(missed)} missed"
             + (":\n" if missed else "."), *missed, "", "Where a peer is ahead of us"
             + (":\n" if lost else ": nowhere in this run."), *lost, ""]
    return "\n".join(lines)


def section(figures, plots):
    row = figures.row
    lines = [f"### {row.title}\n", row.limits, ""]
    for text, is_met in figures.verdicts():
        lines.append(f"- {'met' if is_met else '**missed**'}: {text}")
    for peer, reason in row.apart.items():
        if any(known == peer for known, _ in figures.medians):
            lines.append(f"- {NAMES[peer]}, not counted: {reason}")
    spread = figures.spread.get(("troupe", row.workers[-1]))
    if spread:
        which = f" with {row.workers[-1]} workers" if len(row.workers) > 1 else ""
        lines.append(f"- our runs{which}: {short(spread[0])} to {short(spread[1])} {row.unit}")
    if len({peer for peer, _ in figures.medians}) > 1:
        plot(plots / f"{slug(row)}.svg", figures)
        lines += ["", f"![{row.title}](performance/{slug(row)}.svg)"]
    return "\n".join(lines) + "\n"


def compile_section(costs):
    lines = ["## What the compiler has to do\n",
             "Processor time of clang 19 -O2 for one source file, the best of five where it is "
             "less than ten seconds, and bytes of code and data in its object. Both libraries are "
             "linked as they are installed. The goal is a third of CAF's. `standard` includes what "
             "of the standard library our headers need, and nothing else: no program of ours can "
             "take less.\n",
             "| program | Troupe, s | CAF, s | ours | Troupe, KiB | CAF, KiB | ours |",
             "|---|---|---|---|---|---|---|"]
    for program, cost in costs.items():
        ours, caf = cost.get("troupe"), cost.get("caf")
        cells = []
        for place, scale, form in ((0, 1, ".2f"), (1, 1024, ".1f")):
            cells += [f"{side[place] / scale:{form}}" if side else "-" for side in (ours, caf)]
            if ours and caf:
                part = ours[place] / caf[place]
                cells.append(f"{part:.0%}, " + ("met" if part <= 1 / 3 else "**missed**"))
            else:
                cells.append("-")
        lines.append(f"| {program} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
