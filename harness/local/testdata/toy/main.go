// Command toy does on a volume what the tests of package local ask for.
package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

func main() {
	switch dir := os.Args[2]; os.Args[1] {
	case "write":
		write(dir)
	case "read":
		read(dir)
	case "sync":
		check(os.WriteFile(filepath.Join(dir, "f"), make([]byte, 4096), 0o644))
		f, err := os.OpenFile(filepath.Join(dir, "f"), os.O_RDWR, 0)
		check(err)
		fmt.Println("syncing")
		check(f.Sync())
		fmt.Println("synced")
	case "msync":
		b := mapped(filepath.Join(dir, "m"))
		copy(b, "mapped")
		fmt.Println("syncing")
		check(msync(b))
		fmt.Println("synced")
	case "listen":
		_, err := net.Listen("tcp", dir)
		check(err)
		fmt.Println("listening")
	case "say":
		fmt.Println(dir, os.Getenv("PLACE"))
		return
	case "exit":
		os.Exit(3)
	}
	check(syscall.Pause())
}

// write leaves one thing of each kind: made durable, written, and mapped with
// and without msync.
func write(dir string) {
	f, err := os.Create(filepath.Join(dir, "durable"))
	check(err)
	_, err = f.WriteString("durable")
	check(err)
	check(f.Sync())
	copy(mapped(filepath.Join(dir, "mapped")), "mapped")
	b := mapped(filepath.Join(dir, "msynced"))
	copy(b, "msynced")
	check(msync(b))
	check(os.WriteFile(filepath.Join(dir, "written"), []byte("written"), 0o644))
	fmt.Println("done")
}

func mapped(name string) []byte {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	check(err)
	check(f.Truncate(4096))
	b, err := syscall.Mmap(int(f.Fd()), 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	check(err)
	return b
}

func read(dir string) {
	for _, name := range []string{"durable", "mapped", "msynced", "written"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil && string(b[:min(len(b), len(name))]) == name {
			fmt.Println("has", name)
		}
	}
	fmt.Println("done")
}

func check(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}
