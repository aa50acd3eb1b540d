//go:build !linux

package live

import "syscall"

func group(bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
