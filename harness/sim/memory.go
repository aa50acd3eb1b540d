package sim

import "github.com/tetratelabs/wazero/experimental"

// memory is what a program has for RAM: address space for the most it may ever
// use, reserved at once and filled by the operating system page by page. A
// slice that grows would be copied at every step, and the old copies would
// wait for the collector.
type memory struct {
	all []byte
}

// Allocate implements experimental.MemoryAllocator.
func (m *memory) Allocate(_, most uint64) experimental.LinearMemory {
	m.release()
	m.all = reserve(most)
	return m
}

// Reallocate implements experimental.LinearMemory.
func (m *memory) Reallocate(size uint64) []byte {
	if size > uint64(len(m.all)) {
		return nil
	}
	return m.all[:size]
}

// Free implements experimental.LinearMemory. The memory outlives the module:
// what a program leaves in its mappings is still to be written.
func (m *memory) Free() {}

// release gives the memory back. Nothing may touch it any more.
func (m *memory) release() {
	if m.all != nil {
		unreserve(m.all)
		m.all = nil
	}
}
