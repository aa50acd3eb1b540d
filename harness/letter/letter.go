// Package letter makes the messages of a run and recognises them again.
//
// It owns the shape of a test message: its key, its recipients' addresses, its
// text. A message is a pure function of its key and size, so the oracle knows
// what every byte should be without keeping any. It assumes that a mail server
// may put header lines before a message but changes nothing after. It imports
// the standard library only.
package letter

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
)

// marker is the first header line of every message; what a server adds stands
// before it.
const marker = "X-Fourdays-Key: "

// MinSize is the smallest message Make makes, in bytes.
const MinSize = 256

// alphabet has 64 letters, so that six random bits choose one.
const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789 eeeaaiiootnrsl eeeaaiiootnr"

// Make returns the message of a key: RFC 5322 text with CRLF line ends, of size
// bytes (at least MinSize), the same for the same arguments.
func Make(key string, size int) []byte {
	size = max(size, MinSize)
	var b bytes.Buffer
	b.Grow(size)
	fmt.Fprintf(&b, "%s%s\r\nMessage-ID: <%s@fourdays.example>\r\nFrom: sender@elsewhere.example\r\nSubject: %s\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n", marker, key, key, key)
	h := fnv.New64a()
	h.Write([]byte(key))
	rng := rand.New(rand.NewPCG(h.Sum64(), uint64(size)))
	for b.Len() < size-2 {
		writeLine(&b, rng, min(72, size-2-b.Len()))
	}
	b.Truncate(size - 2)
	// A line break cut in two by Truncate would be a bare CR.
	if raw := b.Bytes(); raw[len(raw)-1] == '\r' {
		raw[len(raw)-1] = '.'
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

func writeLine(b *bytes.Buffer, rng *rand.Rand, n int) {
	line := [80]byte{'x'} // never a leading dot or a blank line
	for i := 1; i < n; {
		for bits, k := rng.Uint64(), 0; k < 10 && i < n; k++ {
			line[i] = alphabet[bits&63]
			bits >>= 6
			i++
		}
	}
	b.Write(append(line[:max(n, 1)], '\r', '\n'))
}

// Read finds the message in raw, whatever a server put before it: its key, and
// the SHA-256 (hex) of the text from the marker on. The key is "" and the digest
// is that of all of raw when there is no marker.
func Read(raw []byte) (key, digest string) {
	at := bytes.Index(raw, []byte(marker))
	if at < 0 || at > 0 && raw[at-1] != '\n' {
		return "", Digest(raw)
	}
	line, _, _ := bytes.Cut(raw[at+len(marker):], []byte("\r\n"))
	return string(line), Digest(raw[at:])
}

// Digest is the SHA-256 of raw in hex.
func Digest(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}
