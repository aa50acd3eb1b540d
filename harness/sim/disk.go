package sim

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"syscall"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"fourdays/harness/sim/guest"
	"fourdays/storage/vol"
)

// installFourdays makes the calls of package guest.
func installFourdays(ctx context.Context, rt wazero.Runtime) error {
	b := rt.NewHostModuleBuilder("fourdays")
	export(b, "disk_sync", false, []api.ValueType{i32, i32}, diskSync)
	export(b, "disk_read", false, []api.ValueType{i32, i32, i32, i32, i64}, diskRead)
	export(b, "disk_map", false, []api.ValueType{i32, i32, i32}, diskMap)
	export(b, "disk_unmap", false, []api.ValueType{i32, i32, i32}, diskUnmap)
	export(b, "disk_msync", false, []api.ValueType{i32, i32, i32, i32}, diskMsync)
	export(b, "net_listen", true, []api.ValueType{i32}, netListen)
	export(b, "net_unlisten", false, []api.ValueType{i32}, netUnlisten)
	b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(netDial), []api.ValueType{i32, i32}, []api.ValueType{i32}).Export("net_dial")
	export(b, "net_send", true, []api.ValueType{i32, i32, i32}, netSend)
	export(b, "net_close", false, []api.ValueType{i32}, netClose)
	installCPU(b)
	_, err := b.Instantiate(ctx)
	return err
}

// finish tells the program how the operation behind a ticket ended.
func (g *process) finish(ticket uint32, errno syscall.Errno, n int) {
	g.push(frame{guest.Done, ticket, wasiErrno(errno), binary.LittleEndian.AppendUint32(nil, uint32(n))})
}

func diskSync(g *process, a []uint64) syscall.Errno {
	ticket := uint32(a[1])
	f, op, errno := g.syncOp(a[0])
	if errno != 0 {
		g.finish(ticket, errno, 0)
		return 0
	}
	g.submit(f.vol, &op, func(r vol.Result) { g.finish(ticket, r.Errno, 0) })
	return 0
}

func diskRead(g *process, a []uint64) syscall.Errno {
	ticket, p, n := uint32(a[1]), a[2], a[3]
	f, errno := g.file(a[0], volFile)
	if errno != 0 {
		g.finish(ticket, errno, 0)
		return 0
	}
	op := &vol.Op{Kind: vol.Read, File: f.id, Off: int64(a[4]), Data: make([]byte, n)}
	g.submit(f.vol, op, func(r vol.Result) {
		if r.Errno == 0 {
			copy(g.mem(p, n), op.Data[:r.N])
		}
		g.finish(ticket, r.Errno, r.N)
	})
	return 0
}

// mapping is a file that a program sees as memory. The host keeps what the
// file holds, to find the pages that the program changed.
type mapping struct {
	f    *file
	ptr  uint64
	held []byte
}

const pageSize = 4096

func diskMap(g *process, a []uint64) syscall.Errno {
	f, errno := g.file(a[0], volFile)
	if errno == 0 {
		held := append([]byte(nil), g.mem(a[1], a[2])...)
		g.maps = append(g.maps, &mapping{f, a[1], held})
	}
	return 0
}

func (g *process) mapping(ptr uint64) *mapping {
	for _, m := range g.maps {
		if m.ptr == ptr {
			return m
		}
	}
	return nil
}

func diskUnmap(g *process, a []uint64) syscall.Errno {
	for i, m := range g.maps {
		if m.ptr == a[0] {
			g.flush(m, a[1], a[2])
			g.maps = append(g.maps[:i], g.maps[i+1:]...)
			break
		}
	}
	return 0
}

// changed calls f for each run of pages between from and to that the program
// changed since the last call, and takes them as held.
func (g *process) changed(m *mapping, from, to uint64, f func(off int, data []byte)) {
	mem := g.mem(m.ptr, uint64(len(m.held)))
	last := min(int(to), len(mem))
	for off := int(from) / pageSize * pageSize; off < last; {
		end := off
		for end < last && !bytes.Equal(page(mem, end), page(m.held, end)) {
			end = min(end+pageSize, len(mem))
		}
		if end > off {
			copy(m.held[off:end], mem[off:end])
			f(off, m.held[off:end])
		}
		off = max(end, off+pageSize)
	}
}

func page(b []byte, off int) []byte { return b[off:min(off+pageSize, len(b))] }

// flush writes the changed pages as the kernel would by itself: seen by every
// reader, durable only after the next sync. The program may have announced
// where they are; one elsewhere means that the shim is wrong.
func (g *process) flush(m *mapping, from, to uint64) {
	g.changed(m, 0, uint64(len(m.held)), func(off int, data []byte) {
		if uint64(off)+pageSize <= from || uint64(off+len(data)) >= to+pageSize {
			g.m.sim.Fail(fmt.Errorf("%s changed %s near %d and did not announce it", g.m.spec.Name, m.f.path, off))
		}
		g.submit(m.f.vol, &vol.Op{
			Kind: vol.Write, File: m.f.id, Off: int64(off), Data: bytes.Clone(data), NoWait: true,
		}, func(vol.Result) {})
	})
}

// flushMaps is what a kill leaves behind: the pages are in the kernel, the
// program is gone.
func (g *process) flushMaps() {
	for _, m := range g.maps {
		g.flush(m, 0, uint64(len(m.held)))
	}
}

// diskMsync writes the changed pages and, when all of them are written, syncs.
func diskMsync(g *process, a []uint64) syscall.Errno {
	ticket, m := uint32(a[0]), g.mapping(a[1])
	if m == nil {
		g.finish(ticket, syscall.ENOMEM, 0)
		return 0
	}
	left, failed := 1, syscall.Errno(0)
	settle := func(r vol.Result) {
		if left--; r.Errno != 0 {
			failed = r.Errno
		}
		switch {
		case left > 0:
		case failed != 0:
			g.finish(ticket, failed, 0)
		default:
			g.submit(m.f.vol, &vol.Op{Kind: vol.Sync, File: m.f.id}, func(r vol.Result) { g.finish(ticket, r.Errno, 0) })
		}
	}
	g.changed(m, a[2], a[3], func(off int, data []byte) {
		left++
		g.submit(m.f.vol, &vol.Op{Kind: vol.Write, File: m.f.id, Off: int64(off), Data: bytes.Clone(data)}, settle)
	})
	settle(vol.Result{})
	return 0
}

// submit asks a volume on behalf of a program; an answer that comes after the
// program's death is dropped.
func (g *process) submit(v vol.Volume, op *vol.Op, done func(vol.Result)) {
	g.m.sim.traceDisk(g.m, op)
	v.Do(op, func(r vol.Result) {
		if !g.dead {
			done(r)
		}
	})
}
