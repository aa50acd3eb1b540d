// Package media keeps the bytes of volumes in a directory of this machine, so
// that volumes can be larger than memory and a flush can cost what a disk costs.
//
// It owns one file, mapped into memory and cut into blocks, and who has which of
// them. It assumes Linux, a file system that can reserve room, and that whoever
// has a block gives it back. The file has no name: it is gone with the process,
// however that ends. The kernel writes pages back when it likes, or when Sync
// asks it to. It imports package vol and the standard library only.
package media

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// BlockSize is how large a block is.
const BlockSize = 4096

const (
	// chunk is by how much the file grows. Picked: a thousandth of what a large
	// volume needs.
	chunk       = 64 << 20
	chunkBlocks = chunk / BlockSize
)

// Media is a file of blocks. Its methods may be called concurrently.
type Media struct {
	file *os.File

	mu      sync.Mutex
	chunks  [][]byte
	fresh   int                // blocks of the last chunk that nobody has had
	free    []*[BlockSize]byte // the one given back last is taken first: its page is in memory
	out     int                // blocks that somebody has
	since   int                // blocks given out since the last collection, and not given back
	full    error              // why the file does not grow any more
	sweeper atomic.Bool        // a collection is under way
}

// Open makes an empty file in a directory and reserves the first piece of it.
func Open(dir string) (*Media, error) {
	file, err := os.CreateTemp(dir, ".fourdays-*")
	if err != nil {
		return nil, fmt.Errorf("make media: %w", err)
	}
	m := &Media{file: file}
	if err = os.Remove(file.Name()); err == nil {
		err = m.grow()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make media in %s: %w", dir, err), file.Close())
	}
	return m, nil
}

// grow adds a chunk. Its room is reserved: a page without room would end the
// process when it is written to.
func (m *Media) grow() error {
	off := int64(len(m.chunks)) * chunk
	if err := reserve(m.file, off, chunk); err != nil {
		return fmt.Errorf("reserve %d MiB: %w", chunk>>20, err)
	}
	p, err := syscall.Mmap(int(m.file.Fd()), off, chunk, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map %d MiB: %w", chunk>>20, err)
	}
	m.chunks, m.fresh = append(m.chunks, p), chunkBlocks
	return nil
}

// Block gives out a block of zeros, or nil when the directory has no more room.
func (m *Media) Block() *[BlockSize]byte {
	b, used := m.take()
	if used {
		clear(b[:])
	}
	return b
}

func (m *Media) take() (b *[BlockSize]byte, used bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wantCollection()
	if n := len(m.free); n > 0 {
		b, m.free = m.free[n-1], m.free[:n-1]
		m.out++
		return b, true
	}
	if m.fresh == 0 && m.full == nil {
		m.full = m.grow()
	}
	if m.fresh == 0 {
		return nil, false
	}
	m.fresh--
	m.out++
	last := m.chunks[len(m.chunks)-1]
	return (*[BlockSize]byte)(unsafe.Pointer(&last[m.fresh*BlockSize])), false
}

// wantCollection has garbage collected when as many blocks were given out as
// could be given back by it. The collector sees only the small part of a block
// that is in its own memory, and would come far too late.
func (m *Media) wantCollection() {
	m.since++
	if m.since < max(chunkBlocks, m.out/2) || !m.sweeper.CompareAndSwap(false, true) {
		return
	}
	m.since = 0
	go func() {
		defer m.sweeper.Store(false)
		runtime.GC()
	}()
}

// Free takes a block back.
func (m *Media) Free(b *[BlockSize]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free = append(m.free, b)
	m.out--
	m.since = max(0, m.since-1)
}

// Sync returns when everything that was written to blocks is on the disk.
func (m *Media) Sync() error {
	if err := syncData(m.file); err != nil {
		return fmt.Errorf("sync media: %w", err)
	}
	return nil
}

// Err says why blocks lie in memory instead, nil while there is room.
func (m *Media) Err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.full
}

// Size is how large the file is, and how much of it somebody has.
func (m *Media) Size() (reserved, used int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(len(m.chunks)) * chunk, int64(m.out) * BlockSize
}

// Close ends the media. No block may be used any more.
func (m *Media) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	errs := []error{m.file.Close()}
	for _, p := range m.chunks {
		errs = append(errs, syscall.Munmap(p))
	}
	m.chunks, m.free, m.fresh, m.full = nil, nil, 0, os.ErrClosed
	return errors.Join(errs...)
}
