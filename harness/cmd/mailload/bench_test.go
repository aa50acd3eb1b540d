package main

import (
	"io"
	"testing"

	"fourdays/harness/hist"
	"fourdays/harness/letter"
)

// BenchmarkLetter is the part of a delivery that grows with its size.
func BenchmarkLetter(b *testing.B) {
	for b.Loop() {
		raw := letter.Make("d1", 16<<10)
		io.WriteString(io.Discard, letter.Digest(raw))
	}
}

// BenchmarkDelivery is a delivery on a warm connection, its server included.
func BenchmarkDelivery(b *testing.B) {
	d := newDriver(map[string]target{"n1": {lmtp: lmtpFace(b, &mailbox{})}})
	for b.Loop() {
		op := delivery(ann)
		op.Node = "n1"
		if d.do([]*hist.Op{op}); op.Outcome != hist.OK {
			b.Fatal(op.Reply)
		}
	}
}

// BenchmarkRead is a look at a mailbox of 20 messages on a warm connection, its
// server included.
func BenchmarkRead(b *testing.B) {
	d := newDriver(map[string]target{"n1": {imap: imapFace(b)}})
	for range 20 {
		d.do([]*hist.Op{{Kind: hist.Append, Node: "n1", Account: ann, Mailbox: "INBOX", Message: "p", Size: 2000}})
	}
	for b.Loop() {
		op := &hist.Op{Kind: hist.Read, Node: "n1", Account: ann, Mailbox: "INBOX"}
		if d.do([]*hist.Op{op}); op.Outcome != hist.OK {
			b.Fatal(op.Reply)
		}
	}
}
