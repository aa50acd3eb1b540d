package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"time"
)

// trace is the rolling digest of every event of a run.
type trace struct {
	sum    hash.Hash
	buf    []byte
	events uint64
	keep   bool
	lines  []string
}

func (t *trace) init(keep bool) { t.sum, t.keep = sha256.New(), keep }

// event adds one event: what happened, to whom, a number and the bytes that
// crossed.
func (t *trace) event(now time.Duration, what, who string, n uint64, payload []byte) {
	t.events++
	t.buf = binary.LittleEndian.AppendUint64(t.buf[:0], uint64(now))
	t.buf = binary.LittleEndian.AppendUint64(t.buf, n)
	t.buf = binary.LittleEndian.AppendUint32(t.buf, uint32(len(payload)))
	t.buf = append(append(append(t.buf, what...), 0), who...)
	t.sum.Write(t.buf)
	t.sum.Write(payload)
	if t.keep {
		short := sha256.Sum256(payload)
		t.lines = append(t.lines, fmt.Sprintf("%v %s %s %d %d:%x", now, what, who, n, len(payload), short[:4]))
	}
}

// Digest is the SHA-256 (hex) of everything that has happened so far: the same
// seed, scenario and binaries give the same.
func (s *Sim) Digest() string { return hex.EncodeToString(s.trace.sum.Sum(nil)) }

// Events counts what has gone into the digest.
func (s *Sim) Events() uint64 { return s.trace.events }

// Trace is the description of every event, if Config.Trace asked for it.
func (s *Sim) Trace() []string { return s.trace.lines }

// Divergence names the first event in which two traces differ, counted from 1,
// and what happened in each; 0 means that they are equal.
func Divergence(a, b []string) (n int, inA, inB string) {
	for i := 0; i < max(len(a), len(b)); i++ {
		inA, inB = lineAt(a, i), lineAt(b, i)
		if inA != inB {
			return i + 1, inA, inB
		}
	}
	return 0, "", ""
}

func lineAt(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(the run is over)"
}
