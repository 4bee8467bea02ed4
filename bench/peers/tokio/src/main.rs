// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

//! The workloads of troupe-bench with tokio: a process is a task, its mailbox an unbounded channel,
//! a call a channel for one value. There are no monitors, supervisors or selective receive; where a
//! workload needs one, this is what one would write instead, and the metric's name says so.
//!
//!     TOKIO_WORKER_THREADS=n bench WORKLOAD SIZE...
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{channel, unbounded_channel, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

fn report(name: &str, metric: &str, value: f64, unit: &str) {
    println!("{name} tokio {metric} {value:.3} {unit}");
}
fn rate(count: u64, begin: Instant) -> f64 {
    count as f64 / begin.elapsed().as_secs_f64()
}
fn draw(seed: u64) -> u64 {
    seed * 48271 % 2147483647
}
fn status_bytes(key: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(key)).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) * 1024.0
}
fn context_switches() -> f64 {
    let mut sum = 0.0;
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let text = std::fs::read_to_string(task.path().join("status")).unwrap_or_default();
        for line in text.lines().filter(|line| line.contains("ctxt_switches")) {
            sum += line.split_whitespace().nth(1).unwrap_or("0").parse::<f64>().unwrap_or(0.0);
        }
    }
    sum
}
fn fibonacci(n: u64) -> u64 {
    if n < 2 { n } else { fibonacci(n - 1) + fibonacci(n - 2) }
}

/// Latencies: buckets of 100 ns below 10 ms, of 10 us up to 10 s.
struct Histogram(Vec<AtomicU32>);
const FINE: u64 = 100_000;
const BUCKETS: u64 = 1_100_001;
impl Histogram {
    fn new() -> Arc<Self> {
        Arc::new(Self((0..BUCKETS).map(|_| AtomicU32::new(0)).collect()))
    }
    fn note(&self, time: Duration) {
        let ns = time.as_nanos() as u64;
        let bucket = if ns < 10_000_000 { ns / 100 } else { FINE + ns / 10_000 };
        self.0[bucket.min(BUCKETS - 1) as usize].fetch_add(1, Relaxed);
    }
    fn report(&self, name: &str, prefix: &str) {
        let total: u64 = self.0.iter().map(|count| count.load(Relaxed) as u64).sum();
        report(name, &format!("{prefix}count"), total as f64, "n");
        for (quantile, part) in [("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)] {
            let (mut sum, mut last) = (0u64, 0u64);
            for (bucket, count) in self.0.iter().enumerate().filter(|(_, c)| c.load(Relaxed) > 0) {
                last = bucket as u64;
                sum += count.load(Relaxed) as u64;
                if sum as f64 >= part * total as f64 {
                    break;
                }
            }
            let ns = if last < FINE { last * 100 + 50 } else { (last - FINE) * 10_000 + 5_000 };
            report(name, &format!("{prefix}{quantile}"), ns as f64 / 1e3, "us");
        }
    }
}

enum Request {
    Echo(u64, oneshot::Sender<u64>),
    Deposit(i64, oneshot::Sender<i64>),
    Transfer(UnboundedSender<Request>, i64, oneshot::Sender<i64>),
}

async fn serve(mut inbox: UnboundedReceiver<Request>) {
    let mut balance = 0;
    while let Some(request) = inbox.recv().await {
        match request {
            Request::Echo(value, reply) => drop(reply.send(value)),
            Request::Deposit(amount, reply) => {
                balance += amount;
                let _ = reply.send(balance);
            }
            Request::Transfer(to, amount, reply) => {
                let (ask, answer) = oneshot::channel();
                let _ = to.send(Request::Deposit(amount, ask));
                let _ = answer.await;
                balance -= amount;
                let _ = reply.send(balance);
            }
        }
    }
}
fn start_server() -> UnboundedSender<Request> {
    let (server, inbox) = unbounded_channel();
    tokio::spawn(serve(inbox));
    server
}

async fn node(mut inbox: UnboundedReceiver<u64>, next: UnboundedSender<u64>, arrived: UnboundedSender<()>) {
    while let Some(left) = inbox.recv().await {
        if left == 0 {
            let _ = arrived.send(());
            break;
        }
        let _ = next.send(left - 1);
    }
}

fn panics() -> tokio::task::JoinHandle<()> {
    // Without the hook that would print each.
    tokio::spawn(async {
        if black_box(true) {
            std::panic::resume_unwind(Box::new("boom"))
        }
    })
}

async fn run(workload: String, size: [u64; 4]) {
    let name = workload.as_str();
    let [first, second, third, _] = size;
    let sized = format!("{name}_{first}");
    match name {
        "spawn_exit" => {
            let begin = Instant::now();
            let all: Vec<_> = (0..first).map(|_| tokio::spawn(async {})).collect();
            for task in all {
                let _ = task.await;
            }
            report(name, "rate", rate(first, begin), "procs/s");
        }
        "spawn_idle" => {
            let mut all = Vec::with_capacity(first as usize);
            let before = status_bytes("VmRSS:");
            let begin = Instant::now();
            for _ in 0..first {
                let (address, mut inbox) = unbounded_channel::<u64>();
                tokio::spawn(async move { inbox.recv().await });
                all.push(address);
            }
            let started = rate(first, begin);
            tokio::time::sleep(Duration::from_millis(200)).await;
            report(name, "rss_per_proc", (status_bytes("VmRSS:") - before) / first as f64 - 8.0, "bytes");
            report(name, "rate", started, "procs/s");
        }
        "pingpong" => {
            let (ping, mut pings) = unbounded_channel::<u64>();
            let (pong, mut pongs) = unbounded_channel::<u64>();
            tokio::spawn(async move {
                while let Some(value) = pings.recv().await {
                    let _ = pong.send(value);
                }
            });
            let begin = Instant::now();
            for i in 0..first {
                let _ = ping.send(i);
                pongs.recv().await;
            }
            report(name, "rate", rate(first, begin), "roundtrips/s");
        }
        "ring" => {
            let (arrived, mut arrivals) = unbounded_channel();
            let (start, start_inbox) = unbounded_channel();
            let mut next = start.clone();
            for _ in 1..first {
                let (address, inbox) = unbounded_channel();
                tokio::spawn(node(inbox, next, arrived.clone()));
                next = address;
            }
            tokio::spawn(node(start_inbox, next, arrived));
            let begin = Instant::now();
            let _ = start.send(second);
            arrivals.recv().await;
            report(&sized, "rate", rate(second, begin), "hops/s");
        }
        "fanin" => {
            let each = second / first;
            let before = status_bytes("VmRSS:");
            let (to, mut inbox) = unbounded_channel::<u64>();
            let counter = tokio::spawn(async move {
                for _ in 0..each * first {
                    inbox.recv().await;
                }
            });
            let begin = Instant::now();
            for _ in 0..first {
                let to = to.clone();
                tokio::spawn(async move {
                    for number in 0..each {
                        let _ = to.send(number);
                    }
                });
            }
            let _ = counter.await;
            report(&sized, "rate", rate(each * first, begin), "msgs/s");
            report(&sized, "peak_rss", (status_bytes("VmHWM:") - before) / 1048576.0, "MiB");
        }
        "fanout" => {
            let (results, mut inbox) = unbounded_channel::<u64>();
            let workers: Vec<_> = (0..first)
                .map(|_| {
                    let (address, mut inbox) = unbounded_channel::<u64>();
                    let results = results.clone();
                    tokio::spawn(async move {
                        while let Some(number) = inbox.recv().await {
                            let _ = results.send(number);
                        }
                    });
                    address
                })
                .collect();
            let begin = Instant::now();
            for i in 0..second {
                let _ = workers[(i % first) as usize].send(i);
            }
            for _ in 0..second {
                inbox.recv().await;
            }
            report(&sized, "rate", rate(second, begin), "roundtrips/s");
            report(&sized, "peak_rss", status_bytes("VmHWM:") / 1048576.0, "MiB");
        }
        "big" => {
            let (mut addresses, mut inboxes) = (vec![], vec![]);
            for _ in 0..first {
                let (address, inbox) = unbounded_channel::<(bool, usize)>();
                addresses.push(address);
                inboxes.push(inbox);
            }
            let all = Arc::new(addresses);
            let (finished, mut finishes) = unbounded_channel();
            let begin = Instant::now();
            for (me, mut inbox) in inboxes.into_iter().enumerate() {
                let (all, finished) = (all.clone(), finished.clone());
                tokio::spawn(async move {
                    let (mut random, mut left) = (draw(886452 + me as u64 * 104729), second as i64);
                    let _ = all[random as usize % all.len()].send((true, me));
                    while let Some((is_ping, from)) = inbox.recv().await {
                        if is_ping {
                            let _ = all[from].send((false, me));
                            continue;
                        }
                        left -= 1;
                        if left > 0 {
                            random = draw(random);
                            let _ = all[random as usize % all.len()].send((true, me));
                        } else if left == 0 {
                            let _ = finished.send(());
                        }
                    }
                });
            }
            for _ in 0..first {
                finishes.recv().await;
            }
            report(name, "rate", rate(first * second, begin), "pings/s");
        }
        "call" => {
            let server = start_server();
            let latency = Histogram::new();
            let begin = Instant::now();
            let clients: Vec<_> = (0..first)
                .map(|_| {
                    let (server, latency) = (server.clone(), latency.clone());
                    tokio::spawn(async move {
                        for i in 0..second / first {
                            let start = Instant::now();
                            let (ask, answer) = oneshot::channel();
                            let _ = server.send(Request::Echo(i, ask));
                            let _ = answer.await;
                            latency.note(start.elapsed());
                        }
                    })
                })
                .collect();
            for client in clients {
                let _ = client.await;
            }
            report(&sized, "rate", rate(second / first * first, begin), "calls/s");
            latency.report(&sized, "");
        }
        "bank" => {
            let accounts: Arc<Vec<_>> = Arc::new((0..first).map(|_| start_server()).collect());
            let begin = Instant::now();
            let tellers: Vec<_> = (0..10)
                .map(|i| {
                    let accounts = accounts.clone();
                    tokio::spawn(async move {
                        let mut random = 886452 + i * 7919;
                        for _ in 0..second / 10 {
                            random = draw(random);
                            let other = draw(random);
                            let from = random % (first * 8 / 10);
                            let to = from + 1 + other % (first - from - 1);
                            random = other;
                            let (ask, answer) = oneshot::channel();
                            let to = accounts[to as usize].clone();
                            let _ = accounts[from as usize].send(Request::Transfer(to, 1, ask));
                            let _ = answer.await;
                        }
                    })
                })
                .collect();
            for teller in tellers {
                let _ = teller.await;
            }
            report(name, "rate", rate(second, begin), "transfers/s");
        }
        "timers" => {
            let lateness = Histogram::new();
            let (to, mut inbox) = unbounded_channel::<Instant>();
            let begin = Instant::now();
            let noted = lateness.clone();
            let receiver = tokio::spawn(async move {
                for _ in 0..first {
                    if let Some(due) = inbox.recv().await {
                        noted.note(Instant::now().saturating_duration_since(due));
                    }
                }
            });
            let mut random = 886452;
            for _ in 0..first {
                random = draw(random);
                let due = Instant::now() + Duration::from_millis(random % second + 1);
                let to = to.clone();
                tokio::spawn(async move {
                    tokio::time::sleep_until(due.into()).await;
                    let _ = to.send(due);
                });
            }
            report(name, "set_rate", rate(first, begin), "timers/s");
            let _ = receiver.await;
            report(name, "wall", begin.elapsed().as_secs_f64() * 1e3, "ms");
            lateness.report(name, "");
        }
        "fairness" => {
            let name = format!("fairness_hogs{first}");
            let (latency, lateness) = (Histogram::new(), Histogram::new());
            let start = Instant::now() + Duration::from_millis(50);
            let end = start + Duration::from_secs(third);
            for i in 0..second {
                let (ping, mut pings) = unbounded_channel::<u64>();
                let (pong, mut pongs) = unbounded_channel::<u64>();
                tokio::spawn(async move {
                    while let Some(value) = pings.recv().await {
                        let _ = pong.send(value);
                    }
                });
                let (latency, lateness) = (latency.clone(), lateness.clone());
                tokio::spawn(async move {
                    let mut next = start + Duration::from_micros(i * 10_000 / second);
                    while next < end {
                        tokio::time::sleep_until(next.into()).await;
                        let begin = Instant::now();
                        let _ = ping.send(1);
                        pongs.recv().await;
                        latency.note(begin.elapsed());
                        lateness.note(Instant::now().saturating_duration_since(next));
                        next += Duration::from_millis(10);
                    }
                });
            }
            for _ in 0..first {
                tokio::spawn(async {
                    let mut number = 0u64;
                    loop {
                        number = black_box((number * 3 + 1) & 0xff_ffff);
                    }
                });
            }
            // This is the main thread, which is no worker: it reports even if all of them are busy.
            std::thread::sleep(Duration::from_millis(third * 1000 + 1500));
            report(&name, "expected", (second * third * 100) as f64, "n");
            latency.report(&name, "");
            lateness.report(&name, "late_");
        }
        "restarts" => {
            let begin = Instant::now();
            for _ in 0..first {
                assert!(panics().await.is_err());
            }
            report(name, "rate_hand_written", rate(first, begin), "restarts/s");
        }
        "crash" => {
            let begin = Instant::now();
            let mut left = first;
            while left > 0 {
                let some = left.min(1000);
                for task in (0..some).map(|_| panics()).collect::<Vec<_>>() {
                    assert!(task.await.is_err());
                }
                left -= some;
            }
            report(name, "error_rate", rate(first, begin), "crashes/s");
        }
        "mbox" => {
            let (to, inbox) = unbounded_channel::<(u64, u64)>();
            let before = status_bytes("VmRSS:");
            let begin = Instant::now();
            for i in 0..first {
                let _ = to.send((1, i));
            }
            let filled = rate(first, begin);
            report(name, "bytes_per_msg", (status_bytes("VmRSS:") - before) / first as f64, "bytes");
            report(name, "rate", filled, "msgs/s");
            std::mem::forget(inbox);
        }
        "registry" => {
            let keys: Arc<Vec<String>> = Arc::new((0..first).map(|i| format!("bench_name_{i}")).collect());
            let table = Arc::new(RwLock::new(HashMap::new()));
            let begin = Instant::now();
            for key in keys.iter() {
                table.write().unwrap().insert(key.clone(), unbounded_channel::<u64>().0);
            }
            report(name, "register_rate", rate(first, begin), "ops/s");
            for readers in [1, third] {
                let begin = Instant::now();
                let all: Vec<_> = (0..readers)
                    .map(|i| {
                        let (keys, table) = (keys.clone(), table.clone());
                        tokio::spawn(async move {
                            let mut random = 886452 + i;
                            for _ in 0..second {
                                random = draw(random);
                                assert!(table.read().unwrap().contains_key(&keys[(random % first) as usize]));
                            }
                        })
                    })
                    .collect();
                for reader in all {
                    reader.await.unwrap();
                }
                let suffix = if readers > 1 { format!("_x{readers}") } else { String::new() };
                report(name, &format!("rwlock_map_rate{suffix}"), rate(second * readers, begin), "lookups/s");
            }
        }
        "bigmsg" => {
            let source = Arc::new(vec![b'x'; first as usize]);
            for fresh in [false, true] {
                let (to, mut inbox) = channel::<Arc<Vec<u8>>>(16);
                let reader = tokio::spawn(async move {
                    let mut sum = 0u64;
                    while let Some(bytes) = inbox.recv().await {
                        sum += bytes[0] as u64 + bytes[bytes.len() - 1] as u64;
                    }
                    sum
                });
                let begin = Instant::now();
                for _ in 0..second {
                    let bytes = if fresh { Arc::new(source.to_vec()) } else { source.clone() };
                    let _ = to.send(bytes).await;
                }
                drop(to);
                let _ = reader.await;
                report(name, if fresh { "fresh_rate" } else { "shared_rate" }, rate(second, begin), "msgs/s");
            }
        }
        "pmap" => {
            let begin = Instant::now();
            let tasks: Vec<_> = (0..first).map(|_| tokio::spawn(async move { fibonacci(black_box(second)) })).collect();
            for task in tasks {
                let _ = task.await;
            }
            report(name, "time", begin.elapsed().as_secs_f64() * 1e3, "ms");
        }
        "idle" => {
            let mut all = Vec::new();
            for _ in 0..first {
                let (address, mut inbox) = unbounded_channel::<u64>();
                tokio::spawn(async move { inbox.recv().await });
                all.push(address);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            let before = context_switches();
            tokio::time::sleep(Duration::from_secs(second)).await;
            report(name, "context_switches", context_switches() - before, "n");
        }
        _ => report(name, "n/a", 0.0, "-"),
    }
}

fn main() {
    let mut words = std::env::args().skip(1);
    let workload = words.next().expect("usage: bench WORKLOAD SIZE...");
    let mut size = [0; 4];
    for (place, word) in size.iter_mut().zip(words) {
        *place = word.parse().unwrap_or(0);
    }
    let workers = std::env::var("TOKIO_WORKER_THREADS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_time().build().unwrap();
    if workload == "fairness" {
        runtime.block_on(run(workload, size));
    } else {
        // As a task, so that both sides of a conversation are on workers.
        runtime.block_on(async { tokio::spawn(run(workload, size)).await.unwrap() });
    }
    std::process::exit(0);
}
