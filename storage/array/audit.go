package array

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"syscall"
)

// Difference is one place where what the array holds is not what it should.
type Difference struct {
	Path  string
	Kind  string // "missing", "extra", "altered" or "size"
	First int64  // altered: the first byte that differs
	Bytes int64  // altered: how many differ
	Rule  string // the last rule that damaged it, if one is known
}

// Audit compares what can be read with what should be, file by file in the
// order of their paths.
func (v *Volume) Audit() []Difference {
	v.fleet.mu.Lock()
	defer v.fleet.mu.Unlock()
	return v.audit(nil, v.root, ".")
}

func (v *Volume) audit(out []Difference, dir *inode, at string) []Difference {
	want, have := dir.truth.seen.names, dir.real().seen.names
	all := maps.Clone(want)
	maps.Copy(all, have)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		p := path.Join(at, name)
		switch w, h := want[name], have[name]; {
		case h == nil:
			out = append(out, Difference{Path: p, Kind: "missing", Rule: dir.blame()})
		case w == nil:
			out = append(out, Difference{Path: p, Kind: "extra", Rule: dir.blame()})
		case h.isDir() && w.isDir():
			out = v.audit(out, h, p)
		default:
			if d, ok := compare(&w.truth.seen, &h.real().seen); !ok {
				d.Path, d.Rule = p, cmp.Or(h.blame(), dir.blame())
				out = append(out, d)
			}
		}
	}
	return out
}

func (n *inode) blame() string {
	if n.hurt == nil {
		return ""
	}
	return n.hurt.id
}

var zeroBlock = *newBlock(0)

// compare says how the content of a file differs from what it should be.
func compare(want, have *state) (Difference, bool) {
	d := Difference{Kind: "altered", First: -1}
	for idx := range max(want.blocks.n, have.blocks.n) {
		a, b := want.block(idx), have.block(idx)
		if a == b {
			continue
		}
		if a == nil {
			a = &zeroBlock
		}
		if b == nil {
			b = &zeroBlock
		}
		for i := range a.data {
			if a.data[i] != b.data[i] {
				if d.First < 0 {
					d.First = int64(idx)*BlockSize + int64(i)
				}
				d.Bytes++
			}
		}
	}
	if want.size != have.size {
		d.Kind = "size"
	}
	return d, d.Bytes == 0 && want.size == have.size
}

// noticeDamage tells the rule that damaged n when what was read shows it.
func (n *inode) noticeDamage(p []byte, off int64) {
	if n.hurt.receipt.Observed {
		return
	}
	want := make([]byte, len(p))
	got := n.truth.seen.readAt(want, off)
	if got != len(p) || !bytes.Equal(want, p) || n.truth.seen.size != n.actual.seen.size {
		n.hurt.observe()
	}
}

func sameNames(a, b *state) bool { return maps.Equal(a.names, b.names) }

// Pristine reads the whole of a file as a correct array would hold it.
func (v *Volume) Pristine(name string) ([]byte, error) {
	return v.whole(name, func(n *inode) *state { return &n.truth.seen })
}

// Actual reads the whole of a file as the array holds it, past every rule that
// acts on reading.
func (v *Volume) Actual(name string) ([]byte, error) {
	return v.whole(name, func(n *inode) *state { return &n.real().seen })
}

func (v *Volume) whole(name string, pick func(*inode) *state) ([]byte, error) {
	v.fleet.mu.Lock()
	defer v.fleet.mu.Unlock()
	n := v.root
	for part := range strings.SplitSeq(name, "/") {
		if n = pick(n).names[part]; n == nil {
			return nil, fmt.Errorf("read %s on %s: %w", name, v.name, syscall.ENOENT)
		}
	}
	if n.isDir() {
		return nil, fmt.Errorf("read %s on %s: %w", name, v.name, syscall.EISDIR)
	}
	s := pick(n)
	p := make([]byte, s.size)
	s.readAt(p, 0)
	return p, nil
}

// Clone is a copy of what the array holds: a volume by itself, healthy, taking
// no time, sharing blocks until one of the two writes. Audits open it.
func (v *Volume) Clone() *Volume {
	return v.copyOf(func(n *inode) *state { return &n.real().seen })
}

// ClonePristine is the same of what a correct array would hold.
func (v *Volume) ClonePristine() *Volume {
	return v.copyOf(func(n *inode) *state { return &n.truth.seen })
}

func (v *Volume) copyOf(pick func(*inode) *state) *Volume {
	v.fleet.mu.Lock()
	defer v.fleet.mu.Unlock()
	f := &Fleet{clock: v.fleet.clock, seed: v.fleet.seed, pool: &pool{}}
	d := newDevice(f, v.array.name, ArrayConfig{OS: v.array.cfg.OS, Controllers: 1,
		Capacity: v.array.cfg.Capacity, Inodes: v.array.cfg.Inodes})
	cfg := VolumeConfig{Store: v.store, Profile: Ordered}
	if v.strict {
		cfg.Profile = Strict
	}
	c := newVolume(f, d, v.name, cfg)
	d.volumes = []*Volume{c}
	v.epoch++
	c.epoch = v.epoch
	c.copyDir(c.root, v.root, pick)
	return c
}

// copyDir fills to with what is in from, all of it durable.
func (v *Volume) copyDir(to, from *inode, pick func(*inode) *state) {
	for _, name := range slices.Sorted(maps.Keys(pick(from).names)) {
		child := pick(from).names[name]
		n := v.newInode(child.mode)
		n.uid, n.gid, n.to = child.uid, child.gid, child.to
		n.mtime = child.mtime
		to.truth.seen.names[name], to.truth.acked.names[name] = n, n
		if child.isDir() {
			v.copyDir(n, child, pick)
			continue
		}
		n.truth.seen = pick(child).clone()
		n.truth.seen.blocks.pool = v.fleet.pool
		n.truth.acked = n.truth.seen.clone()
		v.charge(n.truth.seen.allocated())
	}
}
