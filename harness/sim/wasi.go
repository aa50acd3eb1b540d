package sim

import (
	"context"
	"encoding/binary"
	"syscall"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"

	"fourdays/harness/agenda"
)

type processKey struct{}

// syscallFunc is one system call: its arguments as WebAssembly passes them,
// and the errno it answers.
type syscallFunc func(g *process, a []uint64) syscall.Errno

const (
	i32 = api.ValueTypeI32
	i64 = api.ValueTypeI64
)

// caller is the program that makes a system call.
func caller(ctx context.Context, mod api.Module) *process {
	g := ctx.Value(processKey{}).(*process)
	g.mod = mod
	return g
}

// export makes f a function of the host module; answers says whether the
// program expects an errno.
func export(b wazero.HostModuleBuilder, name string, answers bool, params []api.ValueType, f syscallFunc) {
	var results []api.ValueType
	if answers {
		results = []api.ValueType{i32}
	}
	fn := api.GoModuleFunc(func(ctx context.Context, mod api.Module, stack []uint64) {
		g := caller(ctx, mod)
		g.call()
		for i, t := range params {
			if t == i32 { // the upper half of the slot is not the argument's
				stack[i] = uint64(uint32(stack[i]))
			}
		}
		errno := f(g, stack)
		if answers {
			stack[0] = uint64(wasiErrno(errno))
		}
	})
	b.NewFunctionBuilder().WithGoModuleFunction(fn, params, results).Export(name)
}

// installWASI makes the system calls of wasi_snapshot_preview1 that Go's
// runtime and standard library import.
func installWASI(ctx context.Context, rt wazero.Runtime) error {
	b := rt.NewHostModuleBuilder("wasi_snapshot_preview1")
	for name, c := range map[string]struct {
		params []api.ValueType
		f      syscallFunc
	}{
		"args_get":                {[]api.ValueType{i32, i32}, argsGet},
		"args_sizes_get":          {[]api.ValueType{i32, i32}, argsSizesGet},
		"environ_get":             {[]api.ValueType{i32, i32}, environGet},
		"environ_sizes_get":       {[]api.ValueType{i32, i32}, environSizesGet},
		"clock_time_get":          {[]api.ValueType{i32, i64, i32}, clockTimeGet},
		"random_get":              {[]api.ValueType{i32, i32}, randomGet},
		"sched_yield":             {nil, schedYield},
		"poll_oneoff":             {[]api.ValueType{i32, i32, i32, i32}, pollOneoff},
		"fd_close":                {[]api.ValueType{i32}, fdClose},
		"fd_fdstat_get":           {[]api.ValueType{i32, i32}, fdFdstatGet},
		"fd_fdstat_set_flags":     {[]api.ValueType{i32, i32}, fdFdstatSetFlags},
		"fd_filestat_get":         {[]api.ValueType{i32, i32}, fdFilestatGet},
		"fd_filestat_set_size":    {[]api.ValueType{i32, i64}, fdFilestatSetSize},
		"fd_pread":                {[]api.ValueType{i32, i32, i32, i64, i32}, fdPread},
		"fd_pwrite":               {[]api.ValueType{i32, i32, i32, i64, i32}, fdPwrite},
		"fd_prestat_get":          {[]api.ValueType{i32, i32}, fdPrestatGet},
		"fd_prestat_dir_name":     {[]api.ValueType{i32, i32, i32}, fdPrestatDirName},
		"fd_read":                 {[]api.ValueType{i32, i32, i32, i32}, fdRead},
		"fd_write":                {[]api.ValueType{i32, i32, i32, i32}, fdWrite},
		"fd_readdir":              {[]api.ValueType{i32, i32, i32, i64, i32}, fdReaddir},
		"fd_seek":                 {[]api.ValueType{i32, i64, i32, i32}, fdSeek},
		"fd_sync":                 {[]api.ValueType{i32}, fdSync},
		"path_open":               {[]api.ValueType{i32, i32, i32, i32, i32, i64, i64, i32, i32}, pathOpen},
		"path_create_directory":   {[]api.ValueType{i32, i32, i32}, pathCreateDirectory},
		"path_remove_directory":   {[]api.ValueType{i32, i32, i32}, pathRemoveDirectory},
		"path_unlink_file":        {[]api.ValueType{i32, i32, i32}, pathUnlinkFile},
		"path_filestat_get":       {[]api.ValueType{i32, i32, i32, i32, i32}, pathFilestatGet},
		"path_rename":             {[]api.ValueType{i32, i32, i32, i32, i32, i32}, pathRename},
		"path_filestat_set_times": {[]api.ValueType{i32, i32, i32, i32, i64, i64, i32}, succeed},
		"path_link":               {[]api.ValueType{i32, i32, i32, i32, i32, i32, i32}, refuse},
		"path_symlink":            {[]api.ValueType{i32, i32, i32, i32, i32}, refuse},
		"path_readlink":           {[]api.ValueType{i32, i32, i32, i32, i32, i32}, notALink},
		"sock_accept":             {[]api.ValueType{i32, i32, i32}, refuse},
		"sock_shutdown":           {[]api.ValueType{i32, i32}, refuse},
	} {
		export(b, name, true, c.params, c.f)
	}
	export(b, "proc_exit", false, []api.ValueType{i32}, procExit)
	_, err := b.Instantiate(ctx)
	return err
}

func succeed(*process, []uint64) syscall.Errno  { return 0 }
func refuse(*process, []uint64) syscall.Errno   { return syscall.ENOSYS }
func notALink(*process, []uint64) syscall.Errno { return syscall.EINVAL }

// mem is the program's memory at p, n bytes of it. A program that hands out
// pointers beyond its memory is stopped.
func (g *process) mem(p, n uint64) []byte {
	b, ok := g.mod.Memory().Read(uint32(p), uint32(n))
	if !ok {
		panic("system call with a pointer outside the program's memory")
	}
	return b
}

func (g *process) put32(p uint64, v uint32) { binary.LittleEndian.PutUint32(g.mem(p, 4), v) }
func (g *process) put64(p uint64, v uint64) { binary.LittleEndian.PutUint64(g.mem(p, 8), v) }

func argsGet(g *process, a []uint64) syscall.Errno      { return g.putStrings(g.args(), a[0], a[1]) }
func argsSizesGet(g *process, a []uint64) syscall.Errno { return g.putSizes(g.args(), a[0], a[1]) }
func environGet(g *process, a []uint64) syscall.Errno   { return g.putStrings(g.m.spec.Env, a[0], a[1]) }
func environSizesGet(g *process, a []uint64) syscall.Errno {
	return g.putSizes(g.m.spec.Env, a[0], a[1])
}

func (g *process) args() []string { return append([]string{g.m.spec.Program.Name}, g.m.spec.Args...) }

func (g *process) putStrings(list []string, ptrs, buf uint64) syscall.Errno {
	for _, s := range list {
		g.put32(ptrs, uint32(buf))
		b := g.mem(buf, uint64(len(s)+1))
		copy(b, s)
		b[len(s)] = 0
		ptrs, buf = ptrs+4, buf+uint64(len(s)+1)
	}
	return 0
}

func (g *process) putSizes(list []string, count, size uint64) syscall.Errno {
	n := 0
	for _, s := range list {
		n += len(s) + 1
	}
	g.put32(count, uint32(len(list)))
	g.put32(size, uint32(n))
	return 0
}

const clockRealtime = 0

func clockTimeGet(g *process, a []uint64) syscall.Errno {
	if a[0] == clockRealtime {
		g.put64(a[2], uint64(g.wall().UnixNano()))
	} else {
		g.put64(a[2], uint64(g.monotonic()))
	}
	return 0
}

func randomGet(g *process, a []uint64) syscall.Errno {
	g.rng.Read(g.mem(a[0], a[1]))
	return 0
}

// yieldFor is how long a program that yields without waiting is set aside, so
// that what it waits for can happen. Picked.
const yieldFor = 10 * time.Microsecond

func schedYield(g *process, _ []uint64) syscall.Errno {
	e := g.m.sim.after(yieldFor, g.wake)
	g.park()
	e.Cancel()
	return 0
}

func procExit(g *process, a []uint64) syscall.Errno {
	g.flushMaps()
	g.maps = nil
	panic(sys.NewExitError(uint32(a[0])))
}

// The layout of poll_oneoff's subscriptions and events.
const (
	subSize, eventSize          = 48, 32
	subClock, subRead, subWrite = 0, 1, 2
)

// pollOneoff waits until one of the subscriptions is due. It is the only place
// where a Go program waits for time or for readiness.
func pollOneoff(g *process, a []uint64) syscall.Errno {
	n := a[2]
	subs := append([]byte(nil), g.mem(a[0], n*subSize)...)
	deadline, clocked := g.deadline(subs)
	var timer *agenda.Entry
	if s := g.m.sim; clocked && deadline > s.now {
		timer = s.world.Add(deadline, g.wake)
	}
	for {
		if done := g.ready(subs, a[1], clocked && g.m.sim.now >= deadline); done > 0 {
			timer.Cancel()
			g.put32(a[3], done)
			return 0
		}
		g.park()
	}
}

// deadline is the earliest moment any clock subscription asks for.
func (g *process) deadline(subs []byte) (at time.Duration, ok bool) {
	for ; len(subs) > 0; subs = subs[subSize:] {
		if subs[8] != subClock {
			continue
		}
		t := time.Duration(min(binary.LittleEndian.Uint64(subs[24:]), 1<<62))
		if subs[40]&1 == 0 { // relative
			t += g.m.sim.now
		} else if binary.LittleEndian.Uint32(subs[16:]) == clockRealtime {
			t -= time.Duration(g.m.sim.cfg.Epoch.UnixNano()) + g.m.sim.leapt
		}
		if !ok || t < at {
			at, ok = t, true
		}
	}
	return at, ok
}

// ready writes an event for every subscription that is due and counts them.
func (g *process) ready(subs []byte, out uint64, timeUp bool) (n uint32) {
	for ; len(subs) > 0; subs = subs[subSize:] {
		kind := subs[8]
		due := kind == subClock && timeUp
		if kind != subClock {
			due = g.files.ready(g, binary.LittleEndian.Uint32(subs[16:]), kind == subWrite)
		}
		if !due {
			continue
		}
		ev := g.mem(out+uint64(n)*eventSize, eventSize)
		clear(ev)
		copy(ev, subs[:8])
		ev[10] = kind
		n++
	}
	return n
}

// wasiErrno translates an errno; what WASI has no word for is EIO.
func wasiErrno(e syscall.Errno) uint32 {
	if e == 0 {
		return 0
	}
	if n, ok := wasiErrnos[e]; ok {
		return n
	}
	return wasiErrnos[syscall.EIO]
}

// wasiErrnos is the part of WASI's numbering that files and streams need. The
// numbers are also those of package syscall inside the program.
var wasiErrnos = map[syscall.Errno]uint32{
	syscall.E2BIG: 1, syscall.EACCES: 2, syscall.EAGAIN: 6, syscall.EBADF: 8, syscall.EBUSY: 10,
	syscall.ECONNABORTED: 13, syscall.ECONNREFUSED: 14, syscall.ECONNRESET: 15,
	syscall.EDQUOT: 19, syscall.EEXIST: 20, syscall.EFBIG: 22, syscall.EHOSTUNREACH: 23,
	syscall.EINVAL: 28, syscall.EIO: 29, syscall.EISDIR: 31, syscall.EMFILE: 33,
	syscall.ENAMETOOLONG: 37, syscall.ENETUNREACH: 40, syscall.ENODEV: 43, syscall.ENOENT: 44,
	syscall.ENOMEM: 48, syscall.ENOSPC: 51, syscall.ENOSYS: 52, syscall.ENOTDIR: 54,
	syscall.ENOTEMPTY: 55, syscall.ENOTSUP: 58, syscall.ENXIO: 60, syscall.EPERM: 63,
	syscall.EPIPE: 64, syscall.EROFS: 69, syscall.ESPIPE: 70, syscall.ESTALE: 72,
	syscall.ETIMEDOUT: 73, syscall.EXDEV: 75, syscall.EADDRINUSE: 3,
}
