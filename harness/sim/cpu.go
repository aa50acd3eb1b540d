package sim

import (
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"hash/crc32"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// installCPU makes the instructions that processors have for checksums and
// WebAssembly has not. They cost a program 20 times as much without.
func installCPU(b wazero.HostModuleBuilder) {
	for name, c := range map[string]struct {
		f               api.GoModuleFunc
		params, results []api.ValueType
	}{
		"cpu_sha256": {cpuSHA256, []api.ValueType{i32, i32, i32}, nil},
		"cpu_crc32c": {cpuCRC32C, []api.ValueType{i32, i32, i32}, []api.ValueType{i32}},
	} {
		b.NewFunctionBuilder().WithGoModuleFunction(c.f, c.params, c.results).Export(name)
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func cpuCRC32C(ctx context.Context, mod api.Module, a []uint64) {
	g := caller(ctx, mod)
	a[0] = uint64(crc32.Update(uint32(a[0]), castagnoli, g.mem(a[1], a[2])))
}

// cpuSHA256 takes whole blocks into a state of eight words.
func cpuSHA256(ctx context.Context, mod api.Module, a []uint64) {
	g := caller(ctx, mod)
	words := g.mem(a[0], 32)
	h := sha256.New()
	// The state as package sha256 marshals it: a name, the words big-endian,
	// an unfinished block (there is none), the length so far (not needed).
	var state [4 + 32 + sha256.BlockSize + 8]byte
	copy(state[:], "sha\x03")
	swapWords(state[4:36], words)
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state[:]); err != nil {
		panic(err)
	}
	h.Write(g.mem(a[1], a[2]))
	after, err := h.(encoding.BinaryAppender).AppendBinary(state[:0])
	if err != nil {
		panic(err)
	}
	swapWords(words, after[4:36])
}

// swapWords copies 32-bit words from one byte order into the other.
func swapWords(to, from []byte) {
	for i := 0; i < len(to); i += 4 {
		binary.BigEndian.PutUint32(to[i:], binary.LittleEndian.Uint32(from[i:]))
	}
}
