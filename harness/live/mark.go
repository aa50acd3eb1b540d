package live

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

// MarkVariable is the environment variable that every process of a live world
// has. Its value is the process that must be alive for it to be wanted.
const MarkVariable = "FOURDAYS_RUN"

// Mark is the value for the children of this process, PID.START.BOOT.NAMESPACE:
// its ID and, as IDs come again, when it was started, in the kernel's ticks since
// boot; which boot that is; and the PID namespace in which the ID means something.
var Mark = sync.OnceValue(func() string { return mark(os.Getpid(), startOf(os.Getpid()), here()) })

func mark(pid int, start uint64, where place) string {
	return fmt.Sprintf("%d.%d.%s.%s", pid, start, where.boot, where.namespace)
}

// place is where the ID of a process means something.
type place struct{ boot, namespace string }

var here = sync.OnceValue(func() place {
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	namespace, _ := os.Readlink("/proc/self/ns/pid")
	return place{strings.TrimSpace(string(boot)), strings.Trim(namespace, "pid:[]")}
})

// Standing is what can be said here of the process that made a mark.
type Standing int

// What does not have the form of a mark is Unmarked, whoever made it. Elsewhere is
// one in another PID namespace of this kernel: nobody here can tell whether it lives.
const (
	Unmarked Standing = iota
	Living
	Dead
	Elsewhere
)

// Look says what has become of the process that made a mark. Only what is Dead may
// be taken away. Nothing outlives the boot that it was made in.
func Look(mark string) Standing {
	pid, start, where, ok := parse(mark)
	switch {
	case !ok:
		return Unmarked
	case where.boot != here().boot:
		return Dead
	case where.namespace != here().namespace:
		return Elsewhere
	case startOf(pid) == start:
		return Living
	}
	return Dead
}

func parse(mark string) (pid int, start uint64, where place, ok bool) {
	parts := strings.Split(mark, ".")
	if len(parts) != 4 {
		return 0, 0, place{}, false
	}
	pid, err1 := strconv.Atoi(parts[0])
	start, err2 := strconv.ParseUint(parts[1], 10, 64)
	return pid, start, place{parts[2], parts[3]}, err1 == nil && err2 == nil && pid > 0 && start > 0
}

// Alive says whether the process that made a mark surely lives.
func Alive(mark string) bool { return Look(mark) == Living }

// startOf is when a process was started; 0 if there is none.
func startOf(pid int) uint64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	const startField = 19 // counted after the name, which may hold anything
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) <= startField || fields[0][0] == 'Z' {
		return 0
	}
	at, _ := strconv.ParseUint(string(fields[startField]), 10, 64)
	return at
}
