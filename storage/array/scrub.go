package array

import (
	"bytes"
	"cmp"
	"fmt"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// Finding is one block that an array's own check found to be wrong.
type Finding struct {
	Volume, Path string
	Off          int64  // in the file, of the block's beginning
	Rule         string // which armed bug did it, as the harness knows
}

// String is a finding in one line.
func (f Finding) String() string {
	return fmt.Sprintf("%s:%s block at %d by %s", f.Volume, f.Path, f.Off, f.Rule)
}

// Scrub tells an array that a scrub begins, and then has it read all that is
// durable and compare each block with the checksum that it stored with it. So it
// finds what was altered on its way to the media or there: bits flipped, a write
// torn inside a block, ranges zeroed, blocks that cannot be read. It does not find what
// is consistent in itself: a write that was lost or went to the wrong place, an
// old version, a volume rolled back. Nothing is repaired, and it takes no time.
// The findings are in the order of volumes and paths.
func (f *Fleet) Scrub(name string) ([]Finding, error) {
	var found []Finding
	var err error
	missing := f.on("scrub", name, func(d *device) {
		f.event(d, "scrub")
		if !d.serving {
			err = fmt.Errorf("scrub array %q: no controller serves", name)
			return
		}
		var first *rule
		for _, v := range d.volumes {
			v.scrub(func(x Finding, r *rule) {
				found, first = append(found, x), cmp.Or(first, r)
			})
		}
		if len(found) > 0 {
			d.alarm(fmt.Sprintf("a scrub found blocks that are not what their checksums say: %d", len(found)), first)
		}
	})
	if missing != nil {
		return nil, missing
	}
	return found, err
}

// scrub calls f with everything that is wrong on a volume.
func (v *Volume) scrub(f func(Finding, *rule)) {
	walk(v.root, ".", realAcked, func(p string, n *inode) {
		for idx, b := range n.real().acked.blocks.all() {
			if r := v.wrong(n, p, idx, b); r != nil {
				f(Finding{Volume: v.name, Path: p, Off: int64(idx) * BlockSize, Rule: r.id}, r)
			}
		}
	})
}

// wrong is the rule because of which a block cannot be read as it was written,
// or nil.
func (v *Volume) wrong(n *inode, p string, idx int, b *block) *rule {
	switch {
	case n.beyond.has(idx):
		return v.limited
	case b.scar != nil:
		return b.scar
	}
	return v.unreadable(n, p, part{int64(idx) * BlockSize, int64(idx+1) * BlockSize})
}

// unreadable is the rule because of which a part of a file answers an error, and
// will the next time too.
func (v *Volume) unreadable(n *inode, p string, at part) *rule {
	for _, list := range []*[]wound{&n.wounds, v.scars[p]} {
		if list == nil {
			continue
		}
		for _, w := range *list {
			r := w.gate.rule
			if w.meets(at, false) && !w.due && r.effect.has(vol.Read) && r.bug.Effect.Reply.Errno != 0 {
				return r
			}
		}
	}
	return nil
}

// scar marks the blocks of a write that hold something else than the array made
// their checksums of. Blocks that got nothing of the write hold what they held,
// checksum included.
func (s *state) scar(r *rule, p []byte, stored int, off int64) {
	span(off, len(p), func(idx, from, to, pos int) {
		if b := s.block(idx); b != nil && pos < stored && !bytes.Equal(b.data[from:to], p[pos:pos+to-from]) {
			b.scar = r
		}
	})
}

// scars reports whether what a bug does to a write happens after the array has
// made its checksum.
func scars(e *bug.Effect) bool {
	return e.Persist.Kind == bug.Partial || e.Data.Kind == bug.Flip || e.Data.Kind == bug.Zero
}
