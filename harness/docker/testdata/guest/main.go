// Command guest is what tests run in a container: it does the one thing that
// its first argument names.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"time"
)

func main() {
	switch act := os.Args[1]; act {
	case "say": // the other arguments, and end with code 7
		fmt.Println(os.Args[2:])
		os.Exit(7)
	case "sleep":
		fmt.Println("asleep")
		signal.Ignore()
		time.Sleep(time.Hour) // select alone would be a deadlock
	case "echo": // whatever comes to an address
		echo(os.Args[2])
	case "keep": // what comes to an address in a file, synced, and answer "kept"
		keep(os.Args[2], os.Args[3])
	case "call": // an address, and say whether it echoes
		call(os.Args[2])
	default:
		fmt.Println("cannot", act)
		os.Exit(2)
	}
}

func accept(address string, serve func(net.Conn)) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("listening")
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go serve(conn)
	}
}

func call(address string) {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	_, _ = conn.Write([]byte("x"))
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		fmt.Println("nobody answers")
	} else {
		fmt.Println("answered")
	}
	time.Sleep(time.Hour)
}

func echo(address string) {
	accept(address, func(conn net.Conn) { _, _ = io.Copy(conn, conn) })
}

func keep(address, file string) {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	accept(address, func(conn net.Conn) {
		buf := make([]byte, 1)
		for {
			if _, err := conn.Read(buf); err != nil {
				return
			}
			if _, err := f.Write(buf); err != nil || f.Sync() != nil {
				fmt.Println("write:", err)
				return
			}
			_, _ = conn.Write([]byte("k"))
		}
	})
}
