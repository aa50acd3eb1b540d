//go:build wasip1

package guest

import (
	"encoding/binary"
	"os"
	"sync"
	"syscall"
)

var device struct {
	once  sync.Once
	mu    sync.Mutex
	conns map[uint32]*conn
	waits map[uint32]chan done
	ports map[uint32]*listener
}

type done struct {
	errno syscall.Errno
	n     int
}

// open starts the one goroutine that reads the device.
func open() {
	device.once.Do(func() {
		device.conns = map[uint32]*conn{}
		device.waits = map[uint32]chan done{}
		device.ports = map[uint32]*listener{}
		f, err := os.OpenFile(Device, os.O_RDWR, 0)
		if err != nil {
			panic("open " + Device + ": " + err.Error())
		}
		go read(f)
	})
}

func read(f *os.File) {
	buf := make([]byte, 4*(HeaderSize+MaxPayload))
	for {
		n, err := f.Read(buf)
		if err != nil {
			panic("read " + Device + ": " + err.Error())
		}
		for b := buf[:n]; len(b) >= HeaderSize; {
			size := binary.LittleEndian.Uint32(b[12:])
			frame(b[:HeaderSize], b[HeaderSize:HeaderSize+size])
			b = b[HeaderSize+size:]
		}
	}
}

// frame hands one frame to whom it concerns. Frames for what was closed in the
// meantime are dropped.
func frame(head, payload []byte) {
	kind := binary.LittleEndian.Uint32(head)
	id := binary.LittleEndian.Uint32(head[4:])
	arg := binary.LittleEndian.Uint32(head[8:])
	device.mu.Lock()
	c, l, w := device.conns[id], device.ports[arg], device.waits[id]
	device.mu.Unlock()
	switch {
	case kind == Done && w != nil:
		w <- done{syscall.Errno(arg), int(binary.LittleEndian.Uint32(payload))}
	case kind == Accepted && l != nil:
		l.accepted(id, string(payload))
	case kind == Accepted:
		netClose(id)
	case kind != Done && c != nil:
		c.frame(kind, syscall.Errno(arg), payload)
	}
}

// await waits for the answer to a disk operation without stopping any other
// goroutine.
func await(start func(ticket uint32)) (int, error) {
	open()
	w := make(chan done, 1)
	device.mu.Lock()
	tickets++
	t := tickets
	device.waits[t] = w
	device.mu.Unlock()
	start(t)
	d := <-w
	device.mu.Lock()
	delete(device.waits, t)
	device.mu.Unlock()
	if d.errno != 0 {
		return d.n, d.errno
	}
	return d.n, nil
}

var tickets uint32
