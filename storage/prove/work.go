package prove

import (
	"fmt"
	"os"
	"path"
	"strings"

	"fourdays/storage/vol"
)

// layout is what files a proof keeps on a volume.
type layout struct {
	rounds   int      // of ordinary work: each has files of its own, so that it heals nothing
	patterns []string // globs that the bug names, for which there have to be files
	blocks   int      // of these files
}

func folder(round int) string { return fmt.Sprintf("r%d", round) }

// targets are the files of a round that the bug's own globs mean.
func (l layout) targets(round int) []string {
	var all []string
	for _, glob := range l.patterns {
		for i := range 2 {
			p := sample(glob, "", 2*round+i)
			if !strings.Contains(p, "/") {
				p = path.Join(folder(round), p)
			}
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		all = []string{path.Join(folder(round), "p0"), path.Join(folder(round), "p1")}
	}
	return all
}

// turn is the round whose files serve for provoking the n-th time.
func (l layout) turn(n int) int { return l.rounds - 1 - n%spare }

// The files of one round and their lengths in blocks; big is longer than a chunk.
var files = []struct {
	name   string
	blocks int
}{{"f0", 2}, {"f1", 2}, {"f2", 2}, {"f3", 2}, {"f4", 2}, {"f5", 3}, {"big", 20}, {"u0", 1}, {"m0", 1}, {"m2", 1}, {"t0", 1}}

// prepare fills a volume: every round's files, half of them overwritten once, so
// that old versions exist; all of it synced.
func (r *rig) prepare(h *host, l layout) {
	for k := range l.rounds {
		d := folder(k)
		r.mkdir(h, d)
		r.mkdir(h, d+"/empty")
		for i, f := range files {
			r.put(h, d+"/"+f.name, f.blocks)
			if i%2 == 0 {
				r.put(h, d+"/"+f.name, f.blocks)
			}
		}
		for _, p := range l.targets(k) {
			r.mkdirs(h, path.Dir(p))
			r.put(h, p, l.blocks)
		}
		r.syncDir(h, d)
	}
	r.syncDir(h, ".")
}

// work is a round of ordinary work of all kinds on files of its own.
func (r *rig) work(h *host, l layout) {
	k := r.round % (l.rounds - spare)
	d := folder(k) + "/"
	r.list(h, folder(k))
	r.look(h, d+"f0")
	r.overwrite(h, d+"f1", 0, 2, 0)
	r.overwrite(h, d+"f2", 1, 1, 0)
	r.overwrite(h, d+"f3", 0, 2, vol.Direct)
	r.append(h, d+"f4")
	r.shorten(h, d+"f5", 1)
	for _, p := range []string{d + "n0", d + "n1"} {
		r.put(h, p, 2)
	}
	r.mkdir(h, d+"sub")
	r.put(h, d+"sub/x", 1)
	r.unlink(h, d+"u0")
	r.rename(h, d+"m0", d+"m1")
	r.rename(h, d+"m2", d+"t0")
	r.rmdir(h, d+"empty")
	r.do(h, vol.Op{Kind: vol.Stat, Path: d + "f0"}, nil)
	r.space(h)
	r.syncDir(h, d+"sub")
	r.syncDir(h, folder(k))
	for _, p := range l.targets(k) {
		r.overwrite(h, p, 0, 2, 0)
	}
	r.overwrite(h, d+"big", 0, 16, 0) // after it no flush of a directory makes good what one of a file did not
}

func (r *rig) overwrite(h *host, p string, index, n, flag int) {
	f := r.open(h, p, os.O_RDWR|flag)
	r.write(h, f, index, n, 0)
	r.sync(h, f)
	r.close(h, f)
}

// append writes two blocks at the end of a file, one after the other.
func (r *rig) append(h *host, p string) {
	f := r.open(h, p, os.O_RDWR|os.O_APPEND)
	for range 2 {
		if e := h.sides[well].ledger.files[p]; e != nil {
			r.write(h, f, e.size(), 1, 0)
		}
	}
	r.sync(h, f)
	r.close(h, f)
}

func (r *rig) shorten(h *host, p string, blocks int) {
	f := r.open(h, p, os.O_RDWR)
	r.truncate(h, f, blocks)
	r.sync(h, f)
	r.close(h, f)
}

// fresh is work on nothing that was there before, to see whether operations are
// well: what it made is read back at once.
func (r *rig) fresh(h *host, name string) {
	r.mkdir(h, name)
	for i := range 4 {
		p := fmt.Sprintf("%s/g%d", name, i)
		r.put(h, p, 3)
		r.overwrite(h, p, 1, 1, 0)
		r.look(h, p)
	}
	r.rename(h, name+"/g2", name+"/g4")
	r.unlink(h, name+"/g3")
	r.syncDir(h, name)
	r.list(h, name)
	r.look(h, name+"/g4")
	r.look(h, name+"/g0")
	r.space(h)
}

// glance is the first that anybody does after something happened: it catches what
// is soon over.
func (r *rig) glance(h *host) {
	r.do(h, vol.Op{Kind: vol.Stat, Path: "."}, nil)
	r.look(h, folder(0)+"/f0")
}
