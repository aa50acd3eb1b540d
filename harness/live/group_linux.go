package live

import "syscall"

// group puts a program into a process group of its own. One that is bound to
// this process is killed when this process ends, in whatever way.
func group(bound bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if bound {
		attr.Pdeathsig = syscall.SIGKILL
	}
	return attr
}
