// Command toy exercises the simulator's kernel: what it does is its argument.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"os"
	"strconv"
	"sync"
	"time"
)

func main() {
	switch os.Args[1] {
	case "noise":
		noise()
	case "echo":
		echo(os.Args[2])
	case "ping":
		ping(os.Args[2])
	case "heart":
		heart()
	case "badger":
		store(os.Args[2], os.Args[3])
	case "crash":
		panic("on purpose")
	case "grind":
		grind(os.Args[2])
	case "compute":
		for i := uint(1); i != 0; i += 2 {
		}
	case "spin":
		for {
			time.Now()
		}
	}
}

// noise does everything that is random in a Go program.
func noise() {
	m := map[int]int{}
	for i := range 50 {
		m[i] = i
	}
	var wg sync.WaitGroup
	out := make(chan int)
	for k := range m {
		wg.Add(1)
		go func() {
			defer wg.Done()
			time.Sleep(time.Duration(mrand.IntN(1e9)))
			select {
			case out <- k:
			case <-time.After(time.Hour):
			}
		}()
	}
	go func() { wg.Wait(); close(out) }()
	for k := range out {
		fmt.Print(k, " ")
	}
	b := make([]byte, 4)
	rand.Read(b)
	fmt.Printf("%x %v\n", b, time.Now().UTC())
}

func echo(addr string) {
	l, err := listen("tcp", addr)
	check(err)
	for {
		c, err := l.Accept()
		check(err)
		go func() {
			io.Copy(c, c)
			c.Close()
		}()
	}
}

func ping(addr string) {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		c, err := dial(ctx, "tcp", addr)
		cancel()
		if err != nil {
			fmt.Println("dial:", err)
			time.Sleep(time.Second)
			continue
		}
		exchange(c)
	}
}

func exchange(c io.ReadWriteCloser) {
	defer c.Close()
	buf := make([]byte, 5)
	for range 3 {
		c.Write([]byte("hello"))
		if _, err := io.ReadFull(c, buf); err != nil {
			fmt.Println("read:", err)
			return
		}
		fmt.Printf("got %s\n", buf)
		time.Sleep(time.Second)
	}
}

// heart writes and syncs in one goroutine and beats in another: a hung disk
// must stop the first only.
func heart() {
	go func() {
		for i := range 1000 {
			f, err := os.OpenFile("/data/f", os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
			check(err)
			_, err = fmt.Fprintln(f, i)
			check(err)
			check(fsync(f))
			check(f.Close())
			fmt.Println("synced", i)
			time.Sleep(time.Second)
		}
	}()
	for i := range 1000 {
		fmt.Println("beat", i)
		time.Sleep(time.Second)
	}
}

// grind writes and reads a block as often as its argument says, and syncs
// after every eighth write.
func grind(rounds string) {
	n, err := strconv.Atoi(rounds)
	check(err)
	f, err := os.OpenFile("/data/f", os.O_CREATE|os.O_RDWR, 0o600)
	check(err)
	block := make([]byte, 4096)
	for i := range n {
		off := int64(i%256) * 4096
		_, err := f.WriteAt(block, off)
		check(err)
		_, err = f.ReadAt(block, off)
		check(err)
		if i%8 == 7 {
			check(fsync(f))
		}
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
