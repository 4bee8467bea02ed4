// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// What Go's session stores do over redigo: redigo.go begin|end PORT PASSWORD ids
package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func expect(connection redis.Conn, wanted string, words ...interface{}) {
	answer, err := redis.String(connection.Do(words[0].(string), words[1:]...))
	if err == redis.ErrNil {
		answer, err = "", nil
	}
	check(err)
	if answer != wanted {
		check(fmt.Errorf("%v: %q, not %q", words, answer, wanted))
	}
}

func main() {
	phase, address, password := os.Args[1], "127.0.0.1:"+os.Args[2], os.Args[3]
	if phase == "begin" {
		_, err := redis.Dial("tcp", address, redis.DialPassword("wrong"))
		if err == nil || !strings.HasPrefix(err.Error(), "WRONGPASS") {
			check(fmt.Errorf("a wrong password was accepted: %v", err))
		}
	}
	connection, err := redis.Dial("tcp", address, redis.DialPassword(password), redis.DialDatabase(3))
	check(err)
	defer connection.Close()
	if phase == "begin" {
		expect(connection, "PONG", "PING")
		expect(connection, "OK", "SETEX", "session_alice", 3600, "alice")
		expect(connection, "OK", "SETEX", "session_short", 1, "short")
		check(connection.Send("MULTI"))
		check(connection.Send("SET", "session_bob", "bob"))
		check(connection.Send("PEXPIREAT", "session_bob", time.Now().Add(time.Hour).UnixMilli()))
		replies, err := redis.Values(connection.Do("EXEC"))
		check(err)
		if len(replies) != 2 {
			check(fmt.Errorf("EXEC: %v", replies))
		}
		expect(connection, "OK", "SETEX", "session_alice", 3600, "alice, twice")
		time.Sleep(1200 * time.Millisecond)
		fmt.Println("session_alice session_short session_bob")
		return
	}
	expect(connection, "alice, twice", "GET", os.Args[4])
	expect(connection, "", "GET", os.Args[5])
	removed, err := redis.Int(connection.Do("DEL", os.Args[4]))
	check(err)
	if removed != 1 {
		check(fmt.Errorf("DEL: %d", removed))
	}
	expect(connection, "", "GET", os.Args[4])
	expect(connection, "bob", "GET", os.Args[6])
}
