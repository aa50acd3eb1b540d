//go:build linux

package fuse_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/dgraph-io/badger/v4"
	"golang.org/x/sys/unix"
)

// The sizes of the items, all picked; those of the files are the anchors'.
const (
	commits    = 3000
	committers = 8
	syncs      = 1500
	largeFile  = 256 << 20
	smallFile  = 1 << 20
	seqBytes   = 256 << 20
	creations  = 400
	readFile   = 64 << 20
	roundTrips = 5000
	block      = 4096
)

// item is one thing that is measured: a figure of which more is better, or less.
type item struct {
	name, unit string
	less       bool
	run        func(dir string) (float64, error)
}

// items are run in this order, each in a process and a directory of its own.
var items = []item{
	{"badger commits", "1/s", false, benchBadger},
	{"write+fsync, 256 MB file", "1/s", false, func(dir string) (float64, error) { return benchSync(dir, largeFile) }},
	{"write+fsync, 1 MB file", "1/s", false, func(dir string) (float64, error) { return benchSync(dir, smallFile) }},
	{"sequential write", "MB/s", false, benchSequential},
	{"create+write+fsync+rename", "1/s", false, benchCreate},
	{"random 4k read", "1/s", false, benchRead},
	{"round trip of a write", "µs", true, benchRoundTrip},
	{"round trip of stat", "µs", true, benchStat},
	{"truncate to 2 GB, write at 1 GiB", "ms", true, benchSparse},
}

func init() {
	clients["item"] = func(args []string) error {
		i := slices.IndexFunc(items, func(i item) bool { return i.name == args[0] })
		got, err := items[i].run(args[1])
		fmt.Println(strconv.FormatFloat(got, 'g', 6, 64))
		return err
	}
}

func perSecond(n int, begin time.Time) float64 { return float64(n) / time.Since(begin).Seconds() }

// benchBadger commits 1 KiB values from several goroutines, each commit synced.
func benchBadger(dir string) (float64, error) {
	db, err := badger.Open(badger.DefaultOptions(dir).WithSyncWrites(true).WithLogger(nil).
		WithValueLogFileSize(64 << 20).WithMemTableSize(64 << 20))
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	errs := make([]error, committers)
	var all sync.WaitGroup
	for w := range committers {
		all.Go(func() {
			for i := w; i < commits && errs[w] == nil; i += committers {
				errs[w] = db.Update(func(tx *badger.Txn) error { return tx.Set(key(uint64(i)), make([]byte, 1024)) })
			}
		})
	}
	all.Wait()
	figure := perSecond(commits, begin)
	return figure, errors.Join(append(errs, db.Close())...)
}

// filled is a file of a size that has been written and synced.
func filled(dir string, size int) (*os.File, error) {
	f, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		return nil, err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for i := range size / block {
		if _, err := w.Write(binary.LittleEndian.AppendUint64(make([]byte, block-8), uint64(i))); err != nil {
			return nil, err
		}
	}
	return f, errors.Join(w.Flush(), f.Sync())
}

func randomBlock(size int) int64 { return int64(rand.IntN(size/block)) * block }

// benchSync overwrites random blocks of a file and syncs after each.
func benchSync(dir string, size int) (float64, error) {
	f, err := filled(dir, size)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	data := make([]byte, block)
	return rate(syncs, func(int) error {
		_, err := f.WriteAt(data, randomBlock(size))
		return errors.Join(err, f.Sync())
	})
}

func benchSequential(dir string) (float64, error) {
	f, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	data := make([]byte, 1<<20)
	for i := range data {
		data[i] = byte(i)
	}
	return rate(seqBytes/len(data), func(int) error {
		_, err := f.Write(data)
		return err
	})
}

// benchCreate makes files as a mail server does: under another name first.
func benchCreate(dir string) (float64, error) {
	data := make([]byte, block)
	return rate(creations, func(i int) error { return benchCreateOne(filepath.Join(dir, fmt.Sprint(i)), data) })
}

func benchCreateOne(path string, data []byte) error {
	f, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close(), os.Rename(path+".new", path))
}

// benchRead reads each block of a file once, in random order, none of them from
// the kernel's cache.
func benchRead(dir string) (float64, error) {
	f, err := filled(dir, readFile)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if err := errors.Join(unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_RANDOM)); err != nil {
		return 0, err
	}
	order := rand.Perm(readFile / block)[:4000]
	data := make([]byte, block)
	return rate(len(order), func(i int) error {
		_, err := f.ReadAt(data, int64(order[i])*block)
		if got := binary.LittleEndian.Uint64(data[block-8:]); err == nil && got != uint64(order[i]) {
			err = fmt.Errorf("block %d has %d", order[i], got)
		}
		return err
	})
}

// median is how long the median of many operations takes: a busy machine
// interrupts some of them, and would else be what is measured.
func median(n int, do func(i int) error) (time.Duration, error) {
	times := make([]time.Duration, n)
	for i := range times {
		begin := time.Now()
		if err := do(i); err != nil {
			return 0, err
		}
		times[i] = time.Since(begin)
	}
	slices.Sort(times)
	return times[n/2], nil
}

// rate is how many median operations go into a second.
func rate(n int, do func(i int) error) (float64, error) {
	t, err := median(n, do)
	return 1 / t.Seconds(), err
}

func micros(n int, do func(i int) error) (float64, error) {
	t, err := median(n, do)
	return float64(t.Nanoseconds()) / 1000, err
}

func benchRoundTrip(dir string) (float64, error) {
	f, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	fd, data := int(f.Fd()), make([]byte, 100)
	return micros(roundTrips, func(int) error {
		_, err := syscall.Pwrite(fd, data, 0)
		return err
	})
}

// benchStat asks for attributes that the kernel does not hold any more, because
// the file was written.
func benchStat(dir string) (float64, error) {
	f, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var st unix.Statx_t
	return micros(roundTrips, func(int) error {
		return unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH|unix.AT_STATX_FORCE_SYNC, unix.STATX_BASIC_STATS, &st)
	})
}

func benchSparse(dir string) (float64, error) {
	begin := time.Now()
	f, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if err := f.Truncate(2 << 30); err != nil {
		return 0, err
	}
	_, err = f.WriteAt([]byte("x"), 1<<30)
	err = errors.Join(err, f.Sync())
	return float64(time.Since(begin).Microseconds()) / 1000, err
}

// memory is a process's resident set and its peak, in MB.
func memory(pid int) (now, peak float64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		var kb float64
		switch f := strings.Fields(line); {
		case len(f) < 2:
		case f[0] == "VmRSS:":
			kb, err = strconv.ParseFloat(f[1], 64)
			now = kb / 1024
		case f[0] == "VmHWM:":
			kb, err = strconv.ParseFloat(f[1], 64)
			peak = kb / 1024
		}
	}
	return now, peak, err
}

// memoryOfAll is that of a process and of those that it has started.
func memoryOfAll(pid int) (now, peak float64, err error) {
	kids, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0, 0, err
	}
	for _, p := range append(strings.Fields(string(kids)), strconv.Itoa(pid)) {
		id, _ := strconv.Atoi(p)
		n, p, err := memory(id)
		if err != nil {
			return 0, 0, err
		}
		now, peak = now+n, peak+p
	}
	return now, peak, nil
}
