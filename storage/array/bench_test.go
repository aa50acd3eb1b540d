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

// BenchmarkSparse makes a file of 2 GiB, writes a byte in the middle and syncs:
// the cost is that of what is touched.
func BenchmarkSparse(b *testing.B) {
	v := newRig(b, 1).Volume("n1")
	b.ReportAllocs()
	for b.Loop() {
		f := create(b, v, "a")
		must(b, v, vol.Op{Kind: vol.Truncate, File: f, Size: 2 << 30})
		writeAt(b, v, f, 1<<30, "x")
		sync(b, v, f)
		must(b, v, vol.Op{Kind: vol.Close, File: f})
		must(b, v, vol.Op{Kind: vol.Unlink, Path: "a"})
	}
}

// BenchmarkSequential writes 64 MiB in pieces of 128 KiB, as the kernel does, and
// syncs.
func BenchmarkSequential(b *testing.B) {
	v := newRig(b, 1).Volume("n1")
	p := string(make([]byte, 128<<10))
	b.SetBytes(64 << 20)
	b.ReportAllocs()
	for b.Loop() {
		f := create(b, v, "a")
		for off := int64(0); off < 64<<20; off += int64(len(p)) {
			writeAt(b, v, f, off, p)
		}
		sync(b, v, f)
		must(b, v, vol.Op{Kind: vol.Close, File: f})
		must(b, v, vol.Op{Kind: vol.Unlink, Path: "a"})
	}
}

// BenchmarkRewrite writes 64 MiB over what is there, with a sync now and then.
func BenchmarkRewrite(b *testing.B) {
	v := newRig(b, 1).Volume("n1")
	f := create(b, v, "a")
	p, done := make([]byte, 128<<10), func(vol.Result) {}
	b.SetBytes(64 << 20)
	b.ReportAllocs()
	for b.Loop() {
		for off := int64(0); off < 64<<20; off += int64(len(p)) {
			v.Do(&vol.Op{Kind: vol.Write, File: f, Off: off, Data: p}, done)
			if off%(8<<20) == 0 {
				v.Do(&vol.Op{Kind: vol.Sync, File: f}, done)
			}
		}
	}
}
