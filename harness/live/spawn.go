package live

import (
	"os/exec"
	"runtime"
	"sync"
)

// The kernel ends a child with Pdeathsig when the thread that made it ends, and
// Go ends threads as it likes. So one thread that never ends makes them all.
var (
	spawner sync.Once
	births  = make(chan birth)
)

type birth struct {
	cmd *exec.Cmd
	err chan error
}

// spawn starts cmd from the thread that lives as long as this process.
func spawn(cmd *exec.Cmd) error {
	spawner.Do(func() { go midwife() })
	b := birth{cmd, make(chan error, 1)}
	births <- b
	return <-b.err
}

func midwife() {
	runtime.LockOSThread()
	for b := range births {
		b.err <- b.cmd.Start()
	}
}
