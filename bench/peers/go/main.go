// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// The workloads of troupe-bench in Go: a process is a goroutine, its mailbox a channel. Go has no
// unbounded mailboxes, monitors, supervisors or selective receive; where a workload needs one, this
// is what one would write instead, and the metric's name says so.
//
//	GOMAXPROCS=n bench WORKLOAD SIZE...
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const mailbox = 1024 // places in a mailbox, where nothing else is said

func report(name, metric string, value float64, unit string) {
	fmt.Printf("%s go %s %.3f %s\n", name, metric, value, unit)
}
func rate(count int, begin time.Time) float64 { return float64(count) / time.Since(begin).Seconds() }
func draw(seed int) int                       { return seed * 48271 % 2147483647 }

func statusBytes(key string) float64 {
	text, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, key+":") {
			number, _ := strconv.Atoi(strings.Fields(line)[1])
			return float64(number) * 1024
		}
	}
	return 0
}

func contextSwitches() int {
	sum := 0
	files, _ := filepath.Glob("/proc/self/task/*/status")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for _, line := range strings.Split(string(text), "\n") {
			if strings.Contains(line, "ctxt_switches:") {
				number, _ := strconv.Atoi(strings.Fields(line)[1])
				sum += number
			}
		}
	}
	return sum
}

// Latencies: buckets of 100 ns below 10 ms, of 10 us up to 10 s.
type histogram []uint32

const fine, buckets = 100000, 1100001

func newHistogram() histogram { return make(histogram, buckets) }
func (h histogram) note(d time.Duration) {
	bucket := int64(0)
	if d > 0 {
		bucket = int64(d) / 100
	}
	if bucket >= fine {
		bucket = fine + int64(d)/10000
	}
	if bucket >= buckets {
		bucket = buckets - 1
	}
	atomic.AddUint32(&h[bucket], 1)
}
func (h histogram) report(name, prefix string) {
	total := 0.0
	for _, count := range h {
		total += float64(count)
	}
	report(name, prefix+"count", total, "n")
	for _, quantile := range []struct {
		name string
		part float64
	}{{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}} {
		sum, last := 0.0, 0
		for bucket, count := range h {
			if count > 0 {
				last, sum = bucket, sum+float64(count)
				if sum >= quantile.part*total {
					break
				}
			}
		}
		ns := float64(last*100 + 50)
		if last >= fine {
			ns = float64((last-fine)*10000 + 5000)
		}
		report(name, prefix+quantile.name, ns/1000, "us")
	}
}

//go:noinline
func fibonacci(n int) int {
	if n < 2 {
		return n
	}
	return fibonacci(n-1) + fibonacci(n-2)
}

type verb int

const (
	echo verb = iota
	deposit
	transfer
)

type request struct {
	verb   verb
	amount int
	to     chan request
	reply  chan int
}

func serve(inbox chan request) {
	balance, answer := 0, make(chan int, 1)
	for r := range inbox {
		switch r.verb {
		case echo:
			r.reply <- r.amount
		case deposit:
			balance += r.amount
			r.reply <- balance
		case transfer:
			r.to <- request{deposit, r.amount, nil, answer}
			<-answer
			balance -= r.amount
			r.reply <- balance
		}
	}
}

// Runs body(i) count times at once and waits for all.
func together(count int, body func(i int)) {
	var group sync.WaitGroup
	group.Add(count)
	for i := 0; i < count; i++ {
		go func(i int) { body(i); group.Done() }(i)
	}
	group.Wait()
}

func node(inbox, next chan int, arrived chan bool) {
	for left := range inbox {
		if left <= 0 {
			arrived <- true
			return
		}
		next <- left - 1
	}
}

type message struct {
	isPing bool
	from   int
}

type work struct {
	from   chan int
	number int
}

func main() {
	workload := os.Args[1]
	var sizes [4]int
	for i, text := range os.Args[2:] {
		sizes[i], _ = strconv.Atoi(text)
	}
	name := workload
	first, second := sizes[0], sizes[1]
	switch workload {
	case "spawn_exit":
		begin := time.Now()
		together(first, func(int) {})
		report(name, "rate", rate(first, begin), "procs/s")
	case "spawn_idle":
		runtime.GC()
		before := statusBytes("VmRSS")
		begin := time.Now()
		stops := make([]chan int, first)
		for i := range stops {
			stop := make(chan int)
			stops[i] = stop
			go func() { <-stop }()
		}
		started := rate(first, begin)
		time.Sleep(200 * time.Millisecond)
		report(name, "rss_per_proc", (statusBytes("VmRSS")-before)/float64(first)-8, "bytes")
		report(name, "rate", started, "procs/s")
		runtime.KeepAlive(stops)
	case "pingpong":
		ping, pong := make(chan int, 1), make(chan int, 1)
		go func() {
			for value := range ping {
				pong <- value
			}
		}()
		begin := time.Now()
		for i := 0; i < first; i++ {
			ping <- i
			<-pong
		}
		report(name, "rate", rate(first, begin), "roundtrips/s")
	case "ring":
		arrived := make(chan bool, first)
		start := make(chan int, 1)
		next := start
		for i := 1; i < first; i++ {
			inbox := make(chan int, 1)
			go node(inbox, next, arrived)
			next = inbox
		}
		go node(start, next, arrived)
		begin := time.Now()
		start <- second
		<-arrived
		report(fmt.Sprintf("ring_%d", first), "rate", rate(second, begin), "hops/s")
	case "fanin":
		name = fmt.Sprintf("fanin_%d", first)
		each := second / first
		before := statusBytes("VmRSS")
		inbox, counted, start := make(chan int, mailbox), make(chan bool), make(chan bool)
		go func() {
			for i := 0; i < each*first; i++ {
				<-inbox
			}
			counted <- true
		}()
		for i := 0; i < first; i++ {
			go func() {
				<-start
				for n := 0; n < each; n++ {
					inbox <- n
				}
			}()
		}
		begin := time.Now()
		close(start)
		<-counted
		report(name, "rate", rate(each*first, begin), "msgs/s")
		report(name, "peak_rss", (statusBytes("VmHWM")-before)/1048576, "MiB")
	case "fanout":
		// Bounded mailboxes: whoever hands out must not be who collects.
		name = fmt.Sprintf("fanout_%d", first)
		results := make(chan int, mailbox)
		inboxes := make([]chan work, first)
		for i := range inboxes {
			inboxes[i] = make(chan work, mailbox)
			go func(inbox chan work) {
				for w := range inbox {
					w.from <- w.number
				}
			}(inboxes[i])
		}
		begin := time.Now()
		go func() {
			for i := 0; i < second; i++ {
				inboxes[i%first] <- work{results, i}
			}
		}()
		for i := 0; i < second; i++ {
			<-results
		}
		report(name, "rate", rate(second, begin), "roundtrips/s")
		report(name, "peak_rss", statusBytes("VmHWM")/1048576, "MiB")
	case "big":
		inboxes := make([]chan message, first)
		for i := range inboxes {
			inboxes[i] = make(chan message, 4096) // at most two for each process are under way
		}
		finished, start := make(chan bool, first), make(chan bool)
		for i := range inboxes {
			go func(self int) {
				<-start
				random, left := 886452+self*104729, second
				ping := func() {
					random = draw(random)
					inboxes[random%first] <- message{true, self}
				}
				ping()
				for m := range inboxes[self] {
					if m.isPing {
						inboxes[m.from] <- message{false, self}
						continue
					}
					left--
					if left > 0 {
						ping()
					} else if left == 0 {
						finished <- true
					}
				}
			}(i)
		}
		begin := time.Now()
		close(start)
		for range inboxes {
			<-finished
		}
		report(name, "rate", rate(first*second, begin), "pings/s")
	case "call":
		name = fmt.Sprintf("call_%d", first)
		inbox, latency := make(chan request, mailbox), newHistogram()
		go serve(inbox)
		begin := time.Now()
		together(first, func(int) {
			reply := make(chan int, 1)
			for i := 0; i < second/first; i++ {
				start := time.Now()
				inbox <- request{echo, i, nil, reply}
				<-reply
				latency.note(time.Since(start))
			}
		})
		report(name, "rate", rate(second/first*first, begin), "calls/s")
		latency.report(name, "")
	case "bank":
		accounts := make([]chan request, first)
		for i := range accounts {
			accounts[i] = make(chan request, 16)
			go serve(accounts[i])
		}
		begin := time.Now()
		together(10, func(i int) {
			random, reply := 886452+i*7919, make(chan int, 1)
			for n := 0; n < second/10; n++ {
				random = draw(random)
				other := draw(random)
				from := random % (first * 8 / 10)
				to := from + 1 + other%(first-from-1)
				random = other
				accounts[from] <- request{transfer, 1, accounts[to], reply}
				<-reply
			}
		})
		report(name, "rate", rate(second, begin), "transfers/s")
	case "timers":
		inbox, came, lateness := make(chan time.Time, mailbox), make(chan bool), newHistogram()
		go func() {
			for i := 0; i < first; i++ {
				lateness.note(time.Since(<-inbox))
			}
			came <- true
		}()
		begin, random := time.Now(), 886452
		for i := 0; i < first; i++ {
			random = draw(random)
			delay := time.Duration(random%second+1) * time.Millisecond
			due := time.Now().Add(delay)
			time.AfterFunc(delay, func() { inbox <- due })
		}
		report(name, "set_rate", rate(first, begin), "timers/s")
		<-came
		report(name, "wall", time.Since(begin).Seconds()*1000, "ms")
		lateness.report(name, "")
	case "fairness":
		name = fmt.Sprintf("fairness_hogs%d", first)
		latency, lateness := newHistogram(), newHistogram()
		for i := 0; i < first; i++ {
			go func() {
				for number := 0; ; {
					number = (number*3 + 1) & 0xffffff
				}
			}()
		}
		const period = 10 * time.Millisecond
		start := time.Now().Add(20 * time.Millisecond)
		end := start.Add(time.Duration(sizes[2]) * time.Second)
		together(second, func(i int) {
			ping, pong := make(chan int, 1), make(chan int, 1)
			go func() {
				for value := range ping {
					pong <- value
				}
			}()
			for next := start.Add(period * time.Duration(i) / time.Duration(second)); next.Before(end); next = next.Add(period) {
				time.Sleep(time.Until(next))
				begin := time.Now()
				ping <- 1
				<-pong
				latency.note(time.Since(begin))
				lateness.note(time.Since(next))
			}
		})
		report(name, "expected", float64(second*sizes[2]*100), "n")
		latency.report(name, "")
		lateness.report(name, "late_")
	case "restarts":
		down := make(chan any, 1)
		child := func() {
			defer func() { down <- recover() }()
			panic("boom")
		}
		begin := time.Now()
		for i := 0; i < first; i++ {
			go child()
			<-down
		}
		report(name, "rate_hand_written", rate(first, begin), "restarts/s")
	case "mbox":
		debug.SetGCPercent(-1)
		before := statusBytes("VmRSS")
		begin := time.Now()
		inbox := make(chan [2]int, first)
		for i := 0; i < first; i++ {
			inbox <- [2]int{1, i}
		}
		filled := rate(first, begin)
		report(name, "bytes_per_msg_preallocated", (statusBytes("VmRSS")-before)/float64(first), "bytes")
		report(name, "rate", filled, "msgs/s")
		runtime.KeepAlive(inbox)
	case "registry":
		keys := make([]string, first)
		table := map[string]chan int{}
		var lock sync.RWMutex
		for i := range keys {
			keys[i] = fmt.Sprintf("bench_name_%d", i)
		}
		begin := time.Now()
		for _, key := range keys {
			lock.Lock()
			table[key] = make(chan int, 1)
			lock.Unlock()
		}
		report(name, "register_rate", rate(first, begin), "ops/s")
		for _, readers := range []int{1, sizes[2]} {
			begin := time.Now()
			together(readers, func(i int) {
				random := 886452 + i
				for n := 0; n < second; n++ {
					random = draw(random)
					lock.RLock()
					_, found := table[keys[random%first]]
					lock.RUnlock()
					if !found {
						panic("a name was not found")
					}
				}
			})
			metric := "rwmutex_map_rate"
			if readers > 1 {
				metric += fmt.Sprintf("_x%d", readers)
			}
			report(name, metric, rate(second*readers, begin), "lookups/s")
		}
	case "bigmsg":
		source := []byte(strings.Repeat("x", first))
		for _, kind := range []string{"shared", "fresh"} {
			inbox, acks := make(chan []byte, 16), make(chan int, 16)
			go func() {
				for bytes := range inbox {
					acks <- int(bytes[0]) + int(bytes[len(bytes)-1])
				}
			}()
			begin, credit := time.Now(), 16
			for i := 0; i < second; i++ {
				if credit == 0 {
					<-acks
					credit++
				}
				bytes := source
				if kind == "fresh" {
					bytes = append([]byte(nil), source...)
				}
				inbox <- bytes
				credit--
			}
			for ; credit < 16; credit++ {
				<-acks
			}
			report(name, kind+"_rate", rate(second, begin), "msgs/s")
			close(inbox)
		}
	case "crash":
		down := make(chan any, mailbox)
		begin, alive := time.Now(), 0
		for i := 0; i < first; i++ {
			if alive == 1000 {
				<-down
				alive--
			}
			go func() {
				defer func() { down <- recover() }()
				panic("boom")
			}()
			alive++
		}
		for ; alive > 0; alive-- {
			<-down
		}
		report(name, "error_rate", rate(first, begin), "crashes/s")
	case "pmap":
		results := make(chan int, first)
		begin := time.Now()
		for i := 0; i < first; i++ {
			go func() { results <- fibonacci(second) }()
		}
		for i := 0; i < first; i++ {
			<-results
		}
		report(name, "time", time.Since(begin).Seconds()*1000, "ms")
	case "idle":
		stop := make(chan int)
		for i := 0; i < first; i++ {
			go func() { <-stop }()
		}
		time.Sleep(500 * time.Millisecond)
		before := contextSwitches()
		time.Sleep(time.Duration(second) * time.Second)
		report(name, "context_switches", float64(contextSwitches()-before), "n")
	default:
		report(name, "n/a", 0, "-")
	}
}
