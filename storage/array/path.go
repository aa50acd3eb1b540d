package array

import (
	"io/fs"
	"strings"
	"syscall"
)

// MaxName is the longest name of a file or directory, in bytes, and MaxFile
// the largest size of a file (picked: the block table of a sparse file has to
// fit in memory).
const (
	MaxName = 255
	MaxFile = 16 << 30
)

const (
	dirMode  = fs.ModeDir | 0o755
	fileMode = fs.FileMode(0o644)
)

// place is a name in a directory, and who bears it.
type place struct {
	dir  *inode
	name string
	node *inode // nil if nobody
}

// find walks to path. The root has no place of its own: its dir is nil.
func (v *Volume) find(path string) (place, syscall.Errno) {
	if path == "." {
		return place{node: v.root}, 0
	}
	if !fs.ValidPath(path) {
		return place{}, syscall.EINVAL
	}
	at := place{node: v.root}
	for rest := path; ; {
		if at.node == nil {
			return place{}, syscall.ENOENT
		}
		if !at.node.isDir() {
			return place{}, syscall.ENOTDIR
		}
		name, more, deeper := strings.Cut(rest, "/")
		if len(name) > MaxName {
			return place{}, syscall.ENAMETOOLONG
		}
		at = place{dir: at.node, name: name, node: at.node.lookup(name)}
		if !deeper {
			return at, 0
		}
		rest = more
	}
}

// lookup finds who bears a name as far as the array knows.
func (n *inode) lookup(name string) *inode {
	child := n.real().seen.names[name]
	if n.actual != nil && n.hurt != nil && child != n.truth.seen.names[name] {
		n.hurt.observe()
	}
	return child
}

// existing walks to a path that must be there.
func (v *Volume) existing(path string) (place, syscall.Errno) {
	at, errno := v.find(path)
	if errno == 0 && at.node == nil {
		errno = syscall.ENOENT
	}
	return at, errno
}

// parent is the directory of a place; that of the root is the root.
func (at place) parent() *inode {
	if at.dir == nil {
		return at.node
	}
	return at.dir
}
