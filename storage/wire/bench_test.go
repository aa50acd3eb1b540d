package wire_test

import (
	"os"
	"testing"

	"fourdays/storage/array"
	"fourdays/storage/vol"
)

// bench does one operation after the other, directly and through the wire.
func bench(b *testing.B, op vol.Op) {
	for _, name := range []string{"direct", "wire"} {
		b.Run(name, func(b *testing.B) {
			local := newVolume(b, array.ArrayConfig{}, array.Ordered)
			var v vol.Volume = local
			if name == "wire" {
				_, v = dial(b, local)
			}
			op := op
			op.File = door{v}.Do(vol.Op{Kind: vol.Open, Path: "a", Flag: os.O_CREATE | os.O_RDWR}).File
			door{v}.Do(vol.Op{Kind: vol.Truncate, File: op.File, Size: 4 << 20})
			answered := make(chan struct{}, 1)
			done := func(vol.Result) { answered <- struct{}{} }
			b.SetBytes(int64(len(op.Data)))
			b.ReportAllocs()
			for b.Loop() {
				v.Do(&op, done)
				<-answered
			}
		})
	}
}

func BenchmarkStat(b *testing.B)    { bench(b, vol.Op{Kind: vol.Stat}) }
func BenchmarkRead4K(b *testing.B)  { bench(b, vol.Op{Kind: vol.Read, Data: make([]byte, 4096)}) }
func BenchmarkRead1M(b *testing.B)  { bench(b, vol.Op{Kind: vol.Read, Data: make([]byte, 1<<20)}) }
func BenchmarkWrite4K(b *testing.B) { bench(b, vol.Op{Kind: vol.Write, Data: make([]byte, 4096)}) }
func BenchmarkWrite1M(b *testing.B) { bench(b, vol.Op{Kind: vol.Write, Data: make([]byte, 1<<20)}) }

// BenchmarkPipelined has 16 reads in flight.
func BenchmarkPipelined(b *testing.B) {
	_, v := dial(b, newVolume(b, array.ArrayConfig{}, array.Ordered))
	file := door{v}.Do(vol.Op{Kind: vol.Open, Path: "a", Flag: os.O_CREATE | os.O_RDWR}).File
	door{v}.Do(vol.Op{Kind: vol.Truncate, File: file, Size: 4 << 20})
	free := make(chan *vol.Op, 16)
	for range 16 {
		free <- &vol.Op{Kind: vol.Read, File: file, Data: make([]byte, 4096)}
	}
	b.ReportAllocs()
	for b.Loop() {
		op := <-free
		v.Do(op, func(vol.Result) { free <- op })
	}
}
