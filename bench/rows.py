# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""What is measured and compared: one Row for each line of the tables.

Sizes come in two forms: `full`, and `brief` for a run of twenty minutes. Goals are (peer, factor):
our median must be at least that many times the peer's (or, where less is better, the peer's at
least that many times ours); `best` is the best peer of the row. A limit is an absolute bound on our
own value. What else is asked of us: that two workers cost at most 15 % where processes communicate,
that a message costs at most 75 ns, that cost does not grow with what there is of something
(`flat_with`), that two workers share what can be shared (`scales`), that nobody starves (`served`).
"""
from dataclasses import dataclass, field


@dataclass
class Row:
    title: str
    workload: str
    full: str
    brief: str
    metric: str
    unit: str
    limits: str  # what bounds it, for the reader
    workers: tuple = (1, 2)
    peers: tuple = ("erlang", "go", "caf", "tokio")
    metrics: dict = field(default_factory=dict)  # of peers, where they have another name
    sizes: dict = field(default_factory=dict)  # of peers that cannot do as much
    less_is_better: bool = False
    goals: tuple = ()
    limit: float = None
    communicates: bool = False  # then two workers may cost 15 % at most
    messages: int = 0  # in each of what is counted; then one may cost 75 ns at most
    # (title, factor): our cost is at most so many times the other row's.
    flat_with: tuple = ()
    scales: float = None  # two workers are to be so many times as good as one
    served: str = ""  # the metric that says how many were served, of `expected`
    apart: dict = field(default_factory=dict)  # peers that do something else, and what: not counted

    @property
    def key(self):
        return f"{self.workload} {self.full} {self.metric}"


HAND = {"go": "rate_hand_written", "caf": "rate_hand_written", "tokio": "rate_hand_written"}

# What those take longest for who are slowest.
FEWER_TIMERS = {"go": "300000 1000", "tokio": "300000 1000"}
FEWER_NAMES = {"elixir": "20000 200000 2", "erlang": "100000 200000 2"}

ROWS = [
    Row("Ping-pong of two processes", "pingpong", "2000000", "500000", "rate", "round trips/s",
        "Two messages a round trip: an envelope from the pool, one compare-and-swap, one turn of "
        "the run queue, one resumption. The woken process joins the queue of the worker that woke "
        "it, where it is alone, so nobody steals it: both stay in one cache.",
        goals=(("erlang", 5), ("best", 2)), communicates=True, messages=2),
    Row("Ring of 1,000 processes", "ring", "1000 5000000", "1000 1500000", "rate", "hops/s",
        "One message a hop through 1,000 control blocks and frames, which fit the second-level "
        "cache.",
        goals=(("erlang", 5), ("best", 2)), communicates=True, messages=1,
        sizes={"erlang": "1000 500000"}),
    Row("Ring of 100,000 processes", "ring", "100000 5000000", "100000 1500000", "rate", "hops/s",
        "Bound by memory: each hop touches a control block, a frame and an envelope that no cache "
        "holds any more. Neighbours in the ring are neighbours in the table, which the hardware's "
        "prefetch rewards.",
        goals=(("erlang", 4), ("best", 1.3)), communicates=True, messages=1,
        sizes={"erlang": "100000 500000"}),
    Row("Fan-in, 10 senders", "fanin", "10 1000000", "10 1000000", "rate", "messages/s",
        "A sender does not wait, so 100,000 messages pile up before the receiver runs, which it "
        "does next, for as long as the sender took: 3 MB each time, too much for the second-level "
        "cache. Go's and tokio's senders block or share blocks of slots; an unbounded mailbox of "
        "separate envelopes pays one cache line each. A second worker takes nobody from one whose "
        "process floods another there (src/runtime/crossings.cpp). Where it comes before that is "
        "seen, a sender crosses, which cannot be stopped: its messages go over line by line, and "
        "twice as many wait meanwhile, in memory that both cores touch for the first time: 25 M "
        "messages a second.",
        goals=(("erlang", 4), ("caf", 2), ("go", 0.6)), communicates=True, messages=1),
    Row("Fan-in, 1,000 senders", "fanin", "1000 1000000", "1000 1000000", "rate", "messages/s",
        "As above, with batches of 1,000: the receiver is next after each sender, so they stay in "
        "the cache. A second worker comes between two of these floods, takes half of the senders, "
        "finds after a thousand messages or some more that all of them cross, and hands them back; "
        "it tries again later, and later each time.",
        goals=(("erlang", 4), ("caf", 2), ("go", 0.6)), communicates=True, messages=1),
    Row("Fan-out to 60 and back", "fanout", "60 1000000", "60 500000", "rate", "round trips/s",
        "All requests are sent before the first answer is read, and without waiting: after 10 ms "
        "the watchdog has another thread run the 60, with one worker too, and requests cross from "
        "one core's cache to the other's. Answers are read as they come, in batches that the cache "
        "holds. Erlang runs with off-heap mailboxes, without which it collapses here. The messages "
        "are 30 MB touched for the first time, so what is said of a million timers holds here, "
        "too.",
        goals=(("erlang", 2.5), ("caf", 2)), communicates=True, messages=2),
    Row("Big: 100 processes, all to all", "big", "100 10000", "100 5000", "rate", "pings/s",
        "Two messages a ping, to a random process of 100: with two workers every second one "
        "crosses to the other core.",
        goals=(("erlang", 3), ("best", 1.5)), communicates=True, messages=2),
    Row("Spawn and exit", "spawn_exit", "1000000", "1000000", "rate", "processes/s",
        "The spawner does not wait, so after 10 ms the watchdog has another thread run what it has "
        "started, with one worker too. More than a third of the processor time is the kernel's, "
        "which clears fresh memory; then control block and frame go from one core's cache to the "
        "other's.",
        goals=(("erlang", 4), ("best", 1.5)), sizes={"caf": "100000", "erlang": "500000"}),
    Row("Resident bytes per idle process", "spawn_idle", "1000000", "1000000", "rss_per_proc", "B",
        "128 bytes of control block, and the coroutine frame of a receive.",
        workers=(2,), sizes=dict.fromkeys(("erlang", "go", "caf", "tokio"), "200000"),
        less_is_better=True, limit=320),
    Row("10,000,000 processes: bytes "
        "each", "spawn_idle", "10000000", "10000000", "rss_per_proc", "B",
        "All alive at once in one program.", workers=(2,), peers=(), less_is_better=True,
        limit=320),
    Row("10,000,000 processes: started per second", "spawn_idle", "10000000", "10000000", "rate",
        "processes/s", "Clearing fresh memory, 2 MiB at a time where the system has such pages at "
        "a good price (src/host/page_costs.hpp).",
        workers=(2,), peers=(), limit=1000000),
    Row("Resident bytes per idle "
        "GenServer", "spawn_idle_gs", "300000", "300000", "rss_per_proc", "B",
        "The control block, the frame of the server's loop, and a cell with its state. Large pages "
        "that are not full yet count whole.",
        workers=(2,), sizes=dict.fromkeys(("erlang", "elixir"), "100000"),
        peers=("erlang", "elixir"), less_is_better=True, limit=400),
    Row("GenServer call, 1 client", "call", "1 500000", "1 300000", "rate", "calls/s",
        "Two messages, the handler, and two readings of the clock (17 ns each) that the benchmark "
        "makes itself; with a coarse one for the limit of the call they are a quarter of it.",
        peers=("erlang", "elixir", "go", "caf", "tokio"),
        goals=(("erlang", 7), ("best", 1.5)), communicates=True,
        sizes={"erlang": "1 100000", "elixir": "1 100000"}),
    Row("GenServer call, 100 clients", "call", "100 500000", "100 300000", "rate", "calls/s",
        "As above; the server answers in batches. A second worker takes nothing from a "
        "conversation that one keeps up with; but where the system takes the first one's core away "
        "for a moment, it finds the queue standing still, takes half of the clients, and both meet "
        "at the server until it has gone idle again. The system may also wake it on the core of "
        "the first, where both stood still in turns until it learnt to yield "
        "(src/runtime/idle_worker.cpp).",
        goals=(("erlang", 7), ("best", 1.5)),
        communicates=True),
    Row("GenServer call, 100 clients: p99.9", "call", "100 500000", "100 300000", "p999", "us",
        "A closed loop of 100: most of it is standing in line. With two workers it shows how "
        "seldom a "
        "batch moves to the other core.", less_is_better=True,
        apart={"go": "With one scheduler a client and the server hand each other the processor "
                     "until the client has made all its calls, and only then does the next begin: "
                     "a conversation of two, a hundred times (its median is that of one client). "
                     "What the others wait before their first call is not counted."}),
    Row("Bank transfers over 1,000 accounts", "bank", "1000 500000", "1000 150000", "rate",
        "transfers/s", "A call within a call: four messages and a coroutine handler.",
        goals=(("erlang", 7), ("best", 1)), communicates=True, sizes={"erlang": "1000 60000"}),
    Row("Calls with 100,000 unwanted messages waiting", "selective", "100000 10000", "100000 10000",
        "rate_marker", "calls/s",
        "Replies do not stand in the queue (ARCHITECTURE.md, life of a message).", workers=(2,),
        peers=("erlang", "caf"), metrics={"caf": "rate_skip"}, sizes={"caf": "100000 200"},
        flat_with=("The same calls with an empty mailbox", 1.1)),
    Row("The same calls with an empty mailbox", "selective", "100000 10000", "100000 10000",
        "rate_empty_mailbox", "calls/s", "For comparison with the row above.", workers=(2,),
        peers=("erlang",)),
    Row("1,000,000 timers: set", "timers", "1000000 1000", "1000000 1000", "set_rate", "timers/s",
        "Among them a reading of the clock, and on one worker the firing of those that are due. A "
        "million timers are 100 MB that the program touches for the first time. Where the host of "
        "a virtual machine takes free memory back, as between the runs here, each large page of it "
        "is 5 ms; small ones are taken then, if they cost less (src/host/page_costs.hpp).",
        workers=(2,), goals=(("erlang", 4),), sizes=FEWER_TIMERS),
    Row("1,000,000 timers over 1 s: p99 lateness", "timers", "1000000 1000", "1000000 1000", "p99",
        "us",
        "The tick of a millisecond, and whatever keeps the worker at that moment: a thousand "
        "timers being set, or what is due. It all comes while timers are still being set; after "
        "that the 99th percentile is 2 ms. The receiver gets as much time as the timers took to "
        "fire, or what was due would wait in its mailbox behind those that are set. A timer is "
        "dealt down the wheel and fired from memory that no cache holds any more, through lists, "
        "so that one miss waits for the other: half of the processor time. Go and tokio set "
        "300,000, which they need two seconds for.",
        workers=(2,), less_is_better=True, limit=5000, sizes=FEWER_TIMERS),
    Row("Fairness: p99 lateness beside 2 endless loops", "fairness", "2 500 3", "2 500 "
        "1", "late_p99",
        "us", "C++ cannot be preempted: a watchdog notices the stuck worker and adds another, and "
        "the "
        "kernel shares the cores.", workers=(2,), less_is_better=True, limit=15000,
        served="late_count"),
    Row("Supervisor restarts", "restarts", "20000", "20000", "rate", "restarts/s",
        "C++ exceptions: a restart throws, and each unwinding costs about a microsecond. Go, CAF "
        "and "
        "tokio have no supervisor: they start a task anew by hand.", workers=(2,),
        peers=("erlang", "elixir", "go", "caf", "tokio"), metrics=HAND, goals=(("erlang", 5),),
        sizes={"erlang": "5000", "elixir": "5000"},
        flat_with=("Supervisor restarts, the first 200", 1.3),
        apart=dict.fromkeys(("go", "caf", "tokio"),
                            "Starts a task anew by hand; nobody supervises.")),
    Row("Supervisor restarts, the first 200", "restarts", "200", "200", "rate", "restarts/s",
        "For comparison with the row above.", workers=(2,), peers=()),
    Row("Bytes per queued small message", "mbox", "10000000", "2000000", "bytes_per_msg", "B",
        "Two words and the value. tokio's channel has one type, and slots in blocks.", workers=(2,),
        metrics={"go": "bytes_per_msg_preallocated"}, less_is_better=True, limit=64,
        apart={"go": "A channel of one type whose 10,000,000 slots are allocated before: its "
                     "capacity is the memory, whether something waits or not.",
               "tokio": "A channel of one type; its slots lie in blocks, without a header each."}),
    Row("Names found, 100,000 names, 2 readers", "registry", "100000 2000000 2", "100000 2000000 2",
        "key_table_rate_x2", "look-ups/s",
        "One cache miss besides the name's own (two, if it is longer than 16 bytes), and the hash "
        "of the key; readers share nothing that is written, and one look-up's miss overlaps the "
        "next one's. Elixir has 20,000 names, because it needs ten seconds to register 100,000.",
        workers=(2,), peers=("erlang", "elixir", "go", "caf", "tokio"),
        metrics={"erlang": "whereis_rate_x2", "elixir": "lookup_rate_x2",
                 "go": "rwmutex_map_rate_x2",
                 "caf": "registry_get_rate_x2", "tokio": "rwlock_map_rate_x2"},
        sizes=FEWER_NAMES, goals=(("elixir", 8), ("go", 1))),
    Row("Names found in a Registry, 2 readers", "registry", "100000 2000000 2", "100000 2000000 2",
        "registry_rate_x2", "look-ups/s",
        "As above, and which table the registry's name stands for.",
        workers=(2,), sizes=FEWER_NAMES,
        peers=("elixir",), metrics={"elixir": "lookup_rate_x2"}, goals=(("elixir", 8),)),
    Row("64 KiB messages, made for each send", "bigmsg", "65536 100000", "65536 "
        "20000", "fresh_rate",
        "messages/s", "malloc, memcpy and free of 64 KiB; the message itself costs a pointer.",
        workers=(2,), goals=(("erlang", 2),), sizes={"go": "65536 10000", "caf": "65536 10000"}),
    Row("64 KiB messages, shared", "bigmsg", "65536 100000", "65536 100000", "shared_rate",
        "messages/s", "A message and an answer, and two atomic counts.", workers=(2,),
        sizes={"go": "65536 10000", "caf": "65536 10000"}, goals=(("erlang", 2),),
        flat_with=("1 KiB messages, shared", 1.3)),
    Row("1 KiB messages, shared", "bigmsg", "1024 100000", "1024 100000", "shared_rate",
        "messages/s", "For comparison with the row above.", workers=(2,), peers=()),
    Row("Crashes with a monitor told", "crash", "200000", "100000", "error_rate", "crashes/s",
        "throw, unwinding, and a reason with type and text that the monitor gets.", workers=(2,),
        goals=(("erlang", 3),), flat_with=("Crashes with a monitor told, the first 1,000", 1.3)),
    Row("Crashes with a monitor told, the first 1,000", "crash", "1000", "1000", "error_rate",
        "crashes/s", "For comparison with the row above.", workers=(2,), peers=()),
    Row("Idle node with 100,000 processes: context switches", "idle", "100000 10", "100000 2",
        "context_switches", "in all", "Nothing is due, so nothing happens.", workers=(2,),
        less_is_better=True, limit=0),
    Row("Outstanding calls, 1,000: cost of one", "outstanding", "1000", "1000", "cost", "us",
        "A call and its deferred "
        "reply.", workers=(2,), peers=("erlang", "caf"), less_is_better=True),
    Row("Outstanding calls, 64,000: cost of one", "outstanding", "64000", "64000", "cost", "us",
        "The same. Until it is answered a call is 280 bytes (request, token, reply, what the "
        "caller keeps, a note on either side), and each part is passed over two or three "
        "times. With 64,000 calls that is some 14 cache lines a call from beyond a "
        "second-level cache of 1 MB, by simulation; with 1,000 it is none. No table is searched "
        "longer: the lines are neighbours and come in order, and cost 20 to 50 ns together. On a "
        "machine of AMD with such a cache, where memory that is read in order gives a line in 2.2 "
        "ns at best, that was 1.58x. On one of Intel with 2 MB it was 1.24x in one hour (0.095 us) "
        "and 1.5x in another (0.133 us), with the same program: it is the speed of the memory "
        "that others use, too. Erlang makes 4,000 and CAF 16,000, or they would take a minute.",
        workers=(2,), peers=("erlang", "caf"), less_is_better=True,
        sizes={"erlang": "4000", "caf": "16000"},
        flat_with=("Outstanding calls, 1,000: cost of one", 1.3)),
    Row("Monitors, 5,000: cost of one", "monitors", "5000", "5000", "cost", "us",
        "A monitor, an end and its "
        "DOWN.", workers=(2,), peers=("erlang", "caf"), less_is_better=True),
    Row("Monitors, 40,000: cost of one", "monitors", "40000", "40000", "cost", "us",
        "The same; what it costs more than above is cache misses: of 5,000 processes most is in "
        "the second-level cache, of 40,000 nothing. One program took 0.23 us in one hour and 0.28 "
        "in another.", workers=(2,),
        peers=("erlang", "caf"), less_is_better=True, sizes={"caf": "20000"},
        flat_with=("Monitors, 5,000: cost of one", 1.3)),
    Row("Wake-up of an idle node from outside: p50", "wake", "200 1000", "200 200", "p50", "us",
        "The kernel: a halted virtual core takes 15 to 35 us to run a "
        "thread.", workers=(2,), peers=(),
        less_is_better=True),
    Row("Wake-up of an idle node from outside: p99", "wake", "200 1000", "200 200", "p99", "us",
        "As above.", workers=(2,), peers=(), less_is_better=True),
    Row("Parallel map, 64 tasks", "pmap", "64 30", "64 30", "time", "ms",
        "The compiler's code for the work itself; two workers should take half.",
        peers=("erlang", "elixir", "go", "caf", "tokio"), less_is_better=True, scales=1.9),
]
