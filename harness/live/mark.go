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

// Mark is the value for the children of this process: its ID and, as IDs come
// again, when it was started, in the kernel's ticks since boot.
var Mark = sync.OnceValue(func() string {
	return fmt.Sprintf("%d.%d", os.Getpid(), startOf(os.Getpid()))
})

// Alive says whether the process that made a mark still lives. A mark that is
// none is nobody's.
func Alive(mark string) bool {
	id, start, ok := strings.Cut(mark, ".")
	pid, err1 := strconv.Atoi(id)
	at, err2 := strconv.ParseUint(start, 10, 64)
	return ok && err1 == nil && err2 == nil && at != 0 && startOf(pid) == at
}

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
