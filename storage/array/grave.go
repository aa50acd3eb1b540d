package array

import (
	"io/fs"
	"slices"

	"fourdays/storage/bug"
)

// grave is a name that was removed while a bug is armed that may bring it back.
type grave struct {
	dir  *inode
	name string
	node *inode
	mode fs.FileMode
	held state // what the array held of it
}

// bury notes a name that is about to be removed, if it is on the array at all
// and a bug may want it.
func (v *Volume) bury(at place) {
	if at.dir.real().acked.names[at.name] != at.node {
		return
	}
	for _, g := range v.gates {
		if g.rule.bug.Effect.Action != bug.Resurrect {
			continue
		}
		dead := grave{dir: at.dir, name: at.name, node: at.node, mode: at.node.mode}
		if !at.node.isDir() {
			dead.held = at.node.real().acked.clone()
		}
		g.graves = append(g.graves, dead)
		v.epoch++
	}
}

// resurrect brings back a share of the names that were removed since arming, the
// last ones first: a directory before what was in it, the last bearer of a name
// before the others.
func (g *gate) resurrect() bool {
	v, kept := g.v, g.graves[:0]
	back := map[*inode]*inode{} // directories come back as new ones
	for _, dead := range slices.Backward(g.graves) {
		dir := dead.dir
		if back[dir] != nil {
			dir = back[dir]
		}
		if g.rng.Float64() < g.rule.bug.Effect.Part && dir.linked && dir.real().seen.names[dead.name] == nil {
			back[dead.node] = v.raise(g.rule, dir, &dead)
		}
	}
	for _, dead := range g.graves {
		if back[dead.node] == nil {
			kept = append(kept, dead)
		}
	}
	g.graves = slices.Clip(kept)
	v.rebuild()
	return len(back) > 0
}

// raise gives a name back in what the array holds; in truth it stays removed.
func (v *Volume) raise(r *rule, dir *inode, dead *grave) *inode {
	n := v.newInode(dead.mode)
	n.uid, n.gid, n.to = dead.node.uid, dead.node.gid, dead.node.to
	img := v.fork(n, r)
	if !n.isDir() {
		*img = image{seen: dead.held.clone(), acked: dead.held.clone()}
	}
	in := v.fork(dir, r)
	in.seen.names[dead.name], in.acked.names[dead.name] = n, n
	for i := range v.journal { // a removal that was not flushed yet does not remove it again
		if c := v.journal[i].changes; len(c) == 1 && c[0].dir == dir && c[0].name == dead.name {
			v.journal[i].truth = true
		}
	}
	v.epoch++
	return n
}

// adopt makes a file true that should not be there, and that the node takes for
// the one that it has asked for: a correct array would have made it, empty.
func (v *Volume) adopt(at place) {
	n, names := at.node, at.dir.truth.seen.names
	if at.dir.actual == nil || names == nil || names[at.name] != nil || slices.Contains(v.inTruth(), n) {
		return
	}
	v.fork(n, at.dir.hurt)
	n.truth = image{}
	names[at.name] = n
	v.journal = append(v.journal, entry{changes: []change{{at.dir, at.name, n}}, truth: true})
}

// inTruth lists the inodes that a correct array would have.
func (v *Volume) inTruth() []*inode {
	met := []*inode{v.root}
	for i := 0; i < len(met); i++ {
		for _, child := range met[i].truth.seen.names {
			met = append(met, child)
		}
	}
	return met
}
