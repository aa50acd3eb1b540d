// Command sums prints checksums of texts of all lengths around a block's, made
// in pieces.
package main

import (
	"crypto/sha256"
	"fmt"
	"hash/crc32"
)

func main() {
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	text := make([]byte, 300)
	for i := range text {
		text[i] = byte(i * 7)
	}
	for n := range text {
		h := sha256.New()
		h.Write(text[:n/3])
		h.Write(text[n/3 : n])
		crc := crc32.Update(crc32.Checksum(text[:n/3], castagnoli), castagnoli, text[n/3:n])
		fmt.Printf("%d %x %08x %08x\n", n, h.Sum(nil), crc, crc32.ChecksumIEEE(text[:n]))
	}
}
