package array_test

import (
	"testing"

	"fourdays/storage/vol"
)

// bench does one operation b.N times on an instant array.
func bench(b *testing.B, r *rig, op vol.Op) {
	v := r.Volume("n1")
	f := create(b, v, "a")
	writeAt(b, v, f, 0, string(make([]byte, 1<<20)))
	sync(b, v, f)
	op.File = f
	done := func(vol.Result) {}
	b.SetBytes(int64(len(op.Data)))
	b.ReportAllocs()
	i := int64(0)
	for b.Loop() {
		op.Off = i % 256 * 4096
		i++
		v.Do(&op, done)
	}
}

func BenchmarkRead4K(b *testing.B) {
	bench(b, newRig(b, 1), vol.Op{Kind: vol.Read, Data: make([]byte, 4096)})
}

func BenchmarkWrite4K(b *testing.B) {
	bench(b, newRig(b, 1), vol.Op{Kind: vol.Write, Data: make([]byte, 4096)})
}

func BenchmarkStat(b *testing.B) { bench(b, newRig(b, 1), vol.Op{Kind: vol.Stat}) }

// BenchmarkAppendSync is a log: 200 bytes appended and synced.
func BenchmarkAppendSync(b *testing.B) {
	v := newRig(b, 1).Volume("n1")
	f := create(b, v, "a")
	p, done := make([]byte, 200), func(vol.Result) {}
	b.ReportAllocs()
	i := int64(0)
	for b.Loop() {
		v.Do(&vol.Op{Kind: vol.Write, File: f, Off: i % (8 << 20), Data: p}, done)
		v.Do(&vol.Op{Kind: vol.Sync, File: f}, done)
		i += 200
	}
}

func BenchmarkPowerLoss(b *testing.B) {
	v := newRig(b, 1).Volume("n1")
	for i := range 100 {
		writeSync(b, v, "f"+string(rune('A'+i)), string(make([]byte, 100_000)))
	}
	for b.Loop() {
		write(b, v, "fA", "dirty")
		v.PowerLoss()
	}
}
