package store

import (
	"testing"

	"fourdays/mailstore/mail"
)

// BenchmarkApplyDeliver is the state machine's own cost of one delivery: what
// each replica pays besides the storage.
func BenchmarkApplyDeliver(b *testing.B) {
	o := &overlay{base: map[string][]byte{}, write: map[string][]byte{}}
	m := new(Machine)
	setup := mail.Encode(&mail.CreateAccounts{Accounts: []mail.NewAccount{{Address: anna}}})
	if _, err := m.apply(o, setup); err != nil {
		b.Fatal(err)
	}
	content := mail.Content{Data: pattern(4 << 10), Size: 4 << 10}
	command := mail.Encode(&mail.Deliver{Date: 1674388800, Recipients: []string{anna}, Content: content})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.apply(o, command); err != nil {
			b.Fatal(err)
		}
		if len(o.write) > 10_000 {
			clear(o.write)
			_, _ = m.apply(o, setup)
		}
	}
}
