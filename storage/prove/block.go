package prove

import (
	"encoding/binary"
	"hash/crc32"
	"hash/fnv"

	"fourdays/storage/array"
)

const blockSize = array.BlockSize

// ident is what a block says about itself.
type ident struct {
	path    string // under which it was written
	index   uint32 // in its file, in blocks
	version uint32 // counted over the volume
}

// The layout of a block: a checksum over all that follows, who it is, and
// filler that differs with each version, so that a torn block shows.
const (
	atPath   = 4
	maxPath  = 200
	atIndex  = atPath + 2 + maxPath + 2
	atFiller = atIndex + 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// stamp fills a block.
func stamp(b []byte, id ident) {
	clear(b[:atIndex])
	le := binary.LittleEndian
	le.PutUint16(b[atPath:], uint16(len(id.path)))
	copy(b[atPath+2:atPath+2+maxPath], id.path)
	le.PutUint32(b[atIndex:], id.index)
	le.PutUint32(b[atIndex+4:], id.version)
	h := fnv.New64a()
	h.Write(b[:atFiller])
	x := h.Sum64() | 1
	for at := atFiller; at < blockSize; at += 8 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		le.PutUint64(b[at:], x)
	}
	le.PutUint32(b, crc32.Checksum(b[atPath:blockSize], castagnoli))
}

// inspect reads what a block says about itself, if its checksum is right.
func inspect(b []byte) (ident, bool) {
	le := binary.LittleEndian
	n := int(le.Uint16(b[atPath:]))
	if n > maxPath || le.Uint32(b) != crc32.Checksum(b[atPath:blockSize], castagnoli) {
		return ident{}, false
	}
	return ident{string(b[atPath+2 : atPath+2+n]), le.Uint32(b[atIndex:]), le.Uint32(b[atIndex+4:])}, true
}
