package voltest

import (
	"os"
	"strings"
	"syscall"

	"github.com/stretchr/testify/require"

	"fourdays/storage/vol"
)

var files = []Case{
	{Name: "WhatIsWrittenIsRead", Run: func(b *Bench) {
		f := b.Create("a")
		b.Write(f, 0, "hello world")
		require.Equal(b, "lo wo", b.Read(f, 3, 5))
		require.Equal(b, "hello world", b.Get("a"))
	}},
	{Name: "AReadEndsAtTheEnd", Run: func(b *Bench) {
		f := b.Create("a")
		b.Write(f, 0, "hello")
		require.Equal(b, "llo", b.Read(f, 2, 100))
		require.Empty(b, b.Read(f, 5, 1))
		require.Empty(b, b.Read(f, 1<<20, 1))
		require.Empty(b, b.Read(f, 0, 0))
	}},
	{Name: "AnOverwriteChangesOnlyItsBytes", Run: func(b *Bench) {
		f := b.Create("a")
		b.Write(f, 0, strings.Repeat("x", 10000))
		b.Write(f, 4090, "across a block")
		got := b.Get("a")
		require.Equal(b, strings.Repeat("x", 4090)+"across a block"+strings.Repeat("x", 10000-4090-14), got)
	}},
	{Name: "AppendGoesToTheEnd", Run: func(b *Bench) {
		b.Put("a", "one")
		f := b.Open("a", os.O_WRONLY|os.O_APPEND)
		g := b.Open("a", os.O_WRONLY)
		b.Write(g, 3, " two")
		b.Write(f, 0, " three")
		require.Equal(b, "one two three", b.Get("a"))
	}},
	{Name: "HolesAreZero", Run: func(b *Bench) {
		f := b.Create("a")
		b.Write(f, 100000, "end")
		require.Equal(b, strings.Repeat("\x00", 10), b.Read(f, 50000, 10))
		require.Len(b, b.Get("a"), 100003)
	}},
	{Name: "TruncateCutsAndFillsWithZeros", Run: func(b *Bench) {
		f := b.Create("a")
		b.Write(f, 0, strings.Repeat("x", 9000))
		b.Must(vol.Op{Kind: vol.Truncate, File: f, Size: 5000})
		b.Must(vol.Op{Kind: vol.Truncate, Path: "a", Size: 9000})
		require.Equal(b, strings.Repeat("x", 5000)+strings.Repeat("\x00", 4000), b.Get("a"))
		b.Must(vol.Op{Kind: vol.Truncate, File: f, Size: 0})
		require.Empty(b, b.Get("a"))
	}},
	{Name: "OpenCanTruncateAndRefuseWhatExists", Run: func(b *Bench) {
		b.Put("a", "text")
		b.Refuse(syscall.EEXIST, vol.Op{Kind: vol.Open, Path: "a", Flag: os.O_RDWR | os.O_CREATE | os.O_EXCL})
		b.Open("a", os.O_RDWR|os.O_TRUNC)
		require.Empty(b, b.Get("a"))
	}},
	{Name: "StatTellsSizeAndKind", Run: func(b *Bench) {
		b.Put("a", "12345")
		b.Mkdir("d")
		st := b.Must(vol.Op{Kind: vol.Stat, Path: "a"}).Info
		require.Equal(b, int64(5), st.Size)
		require.True(b, st.Mode.IsRegular())
		require.True(b, b.Must(vol.Op{Kind: vol.Stat, Path: "d"}).Info.Mode.IsDir())
		require.True(b, b.Must(vol.Op{Kind: vol.Stat, Path: "."}).Info.Mode.IsDir())
		f := b.Open("a", os.O_RDONLY)
		require.Equal(b, st.Ino, b.Must(vol.Op{Kind: vol.Stat, File: f}).Info.Ino)
	}},
	{Name: "AnUnlinkedFileLivesUntilItsLastClose", Run: func(b *Bench) {
		f := b.Create("a")
		b.Write(f, 0, "still here")
		b.Unlink("a")
		require.False(b, b.Exists("a"))
		b.Put("a", "another")
		require.Equal(b, "still here", b.Read(f, 0, 20))
		b.Write(f, 6, "there")
		require.Equal(b, "still there", b.Read(f, 0, 20))
		b.Close(f)
		require.Equal(b, "another", b.Get("a"))
	}},
	{Name: "TwoOpensSeeOneFile", Run: func(b *Bench) {
		f, g := b.Create("a"), b.Create("a")
		b.Write(f, 0, "shared")
		require.Equal(b, "shared", b.Read(g, 0, 10))
		b.Close(f)
		require.Equal(b, "shared", b.Read(g, 0, 10))
	}},
}

var names = []Case{
	{Name: "ListingsAreInNameOrder", Run: func(b *Bench) {
		for _, name := range []string{"b", "a", "B", "10", "9", "a-b", "a.b"} {
			b.Put(name, "")
		}
		require.Equal(b, []string{"10", "9", "B", "a", "a-b", "a.b", "b"}, b.List("."))
		b.Mkdir("empty")
		require.Empty(b, b.List("empty"))
	}},
	{Name: "DirectoriesNest", Run: func(b *Bench) {
		b.Mkdir("a")
		b.Mkdir("a/b")
		b.Put("a/b/c", "deep")
		require.Equal(b, "deep", b.Get("a/b/c"))
		require.Equal(b, []string{"b"}, b.List("a"))
		b.Rename("a", "z")
		require.Equal(b, "deep", b.Get("z/b/c"))
	}},
	{Name: "RenameReplacesAFile", Run: func(b *Bench) {
		b.Put("new", "new")
		b.Put("old", "old")
		f := b.Open("old", os.O_RDONLY)
		b.Rename("new", "old")
		require.Equal(b, "new", b.Get("old"))
		require.Equal(b, "old", b.Read(f, 0, 10))
		require.Equal(b, []string{"old"}, b.List("."))
	}},
	{Name: "RenameReplacesAnEmptyDirectory", Run: func(b *Bench) {
		b.Mkdir("a")
		b.Put("a/f", "x")
		b.Mkdir("b")
		b.Rename("a", "b")
		require.Equal(b, "x", b.Get("b/f"))
		require.False(b, b.Exists("a"))
	}},
	{Name: "RenameToItselfDoesNothing", Run: func(b *Bench) {
		b.Put("a", "x")
		b.Rename("a", "a")
		require.Equal(b, "x", b.Get("a"))
	}},
	{Name: "ARemovedNameIsFree", Run: func(b *Bench) {
		b.Put("a", "x")
		b.Unlink("a")
		b.Mkdir("a")
		b.Must(vol.Op{Kind: vol.Rmdir, Path: "a"})
		b.Put("a", "y")
		require.Equal(b, "y", b.Get("a"))
	}},
}

// refusal is an operation on the tree of refusalTree that must fail.
type refusal struct {
	want syscall.Errno
	op   vol.Op
}

var refused = []refusal{
	{syscall.ENOENT, vol.Op{Kind: vol.Open, Path: "none"}},
	{syscall.ENOENT, vol.Op{Kind: vol.Open, Path: "none/a", Flag: os.O_CREATE | os.O_RDWR}},
	{syscall.ENOENT, vol.Op{Kind: vol.Stat, Path: "none"}},
	{syscall.ENOENT, vol.Op{Kind: vol.Unlink, Path: "none"}},
	{syscall.ENOENT, vol.Op{Kind: vol.Rmdir, Path: "none"}},
	{syscall.ENOENT, vol.Op{Kind: vol.Rename, Path: "none", To: "a"}},
	{syscall.ENOENT, vol.Op{Kind: vol.Rename, Path: "file", To: "none/a"}},
	{syscall.ENOENT, vol.Op{Kind: vol.ReadDir, Path: "none"}},
	{syscall.ENOENT, vol.Op{Kind: vol.Truncate, Path: "none"}},
	{syscall.ENOENT, vol.Op{Kind: vol.SyncDir, Path: "none"}},
	{syscall.ENOENT, vol.Op{Kind: vol.Mkdir, Path: "none/a"}},
	{syscall.EEXIST, vol.Op{Kind: vol.Mkdir, Path: "dir"}},
	{syscall.EEXIST, vol.Op{Kind: vol.Mkdir, Path: "file"}},
	{syscall.EEXIST, vol.Op{Kind: vol.Open, Path: "dir", Flag: os.O_CREATE | os.O_EXCL | os.O_RDWR}},
	{syscall.ENOTDIR, vol.Op{Kind: vol.Open, Path: "file/a"}},
	{syscall.ENOTDIR, vol.Op{Kind: vol.Mkdir, Path: "file/a"}},
	{syscall.ENOTDIR, vol.Op{Kind: vol.ReadDir, Path: "file"}},
	{syscall.ENOTDIR, vol.Op{Kind: vol.Rmdir, Path: "file"}},
	{syscall.ENOTDIR, vol.Op{Kind: vol.SyncDir, Path: "file"}},
	{syscall.ENOTDIR, vol.Op{Kind: vol.Rename, Path: "dir", To: "file"}},
	{syscall.ENOTDIR, vol.Op{Kind: vol.Rename, Path: "file", To: "file/a"}},
	{syscall.ENOTDIR, vol.Op{Kind: vol.Open, Path: "file", Flag: syscall.O_DIRECTORY}},
	{syscall.EISDIR, vol.Op{Kind: vol.Open, Path: "dir", Flag: os.O_RDWR}},
	{syscall.EISDIR, vol.Op{Kind: vol.Open, Path: "dir", Flag: os.O_CREATE}},
	{syscall.EISDIR, vol.Op{Kind: vol.Unlink, Path: "dir"}},
	{syscall.EISDIR, vol.Op{Kind: vol.Truncate, Path: "dir"}},
	{syscall.EISDIR, vol.Op{Kind: vol.Rename, Path: "file", To: "dir"}},
	{syscall.ENOTEMPTY, vol.Op{Kind: vol.Rmdir, Path: "dir"}},
	{syscall.ENOTEMPTY, vol.Op{Kind: vol.Rename, Path: "empty", To: "dir"}},
	{syscall.ENOTEMPTY, vol.Op{Kind: vol.Rename, Path: "dir/inner", To: "dir"}},
	{syscall.EINVAL, vol.Op{Kind: vol.Rename, Path: "dir", To: "dir/below"}},
	{syscall.EINVAL, vol.Op{Kind: vol.Truncate, Path: "file", Size: -1}},
	{syscall.EBADF, vol.Op{Kind: vol.Read, File: 1 << 30, Data: make([]byte, 1)}},
	{syscall.EBADF, vol.Op{Kind: vol.Write, File: 1 << 30, Data: make([]byte, 1)}},
	{syscall.EBADF, vol.Op{Kind: vol.Sync, File: 1 << 30}},
	{syscall.EBADF, vol.Op{Kind: vol.Close, File: 1 << 30}},
	{syscall.ENAMETOOLONG, vol.Op{Kind: vol.Open, Path: strings.Repeat("n", 256), Flag: os.O_CREATE | os.O_RDWR}},
	{syscall.ENAMETOOLONG, vol.Op{Kind: vol.Mkdir, Path: strings.Repeat("n", 256)}},
}

func refusalTree(b *Bench) {
	b.Put("file", "x")
	b.Mkdir("dir")
	b.Put("dir/inner", "x")
	b.Mkdir("empty")
}

var refusals = []Case{
	{Name: "WhatCannotBeIsRefusedByItsErrno", Run: func(b *Bench) {
		refusalTree(b)
		for _, r := range refused {
			b.Refuse(r.want, r.op)
		}
		require.Equal(b, []string{"dir", "empty", "file"}, b.List("."), "a refusal changes nothing")
	}},
	{Name: "AHandleDoesOnlyWhatItWasOpenedFor", Run: func(b *Bench) {
		refusalTree(b)
		p := make([]byte, 1)
		ro, wo := b.Open("file", os.O_RDONLY), b.Open("file", os.O_WRONLY)
		b.Refuse(syscall.EBADF, vol.Op{Kind: vol.Write, File: ro, Data: p})
		b.Refuse(syscall.EINVAL, vol.Op{Kind: vol.Truncate, File: ro})
		b.Refuse(syscall.EBADF, vol.Op{Kind: vol.Read, File: wo, Data: p})
		b.Refuse(syscall.EINVAL, vol.Op{Kind: vol.Read, File: ro, Data: p, Off: -1})
		b.Refuse(syscall.EINVAL, vol.Op{Kind: vol.Write, File: wo, Data: p, Off: -1})
		d := b.Open("dir", os.O_RDONLY)
		b.Refuse(syscall.EISDIR, vol.Op{Kind: vol.Read, File: d, Data: p})
		b.Close(ro)
		b.Refuse(syscall.EBADF, vol.Op{Kind: vol.Read, File: ro, Data: p})
	}},
}

var room = []Case{
	{Name: "StatfsTellsRoom", Run: func(b *Bench) {
		s := b.Must(vol.Op{Kind: vol.Statfs, Path: "."}).Space
		require.Positive(b, s.Bytes)
		require.LessOrEqual(b, s.FreeBytes, s.Bytes)
		require.LessOrEqual(b, s.FreeInodes, s.Inodes)
	}},
	{Name: "AFullVolumeSaysSoAndRoomComesBack", Full: true, Run: func(b *Bench) {
		b.Door = b.Small()
		f := b.Create("a")
		chunk := strings.Repeat("x", 64<<10)
		n := fill(b, f, chunk)
		require.Positive(b, n)
		require.Equal(b, chunk, b.Read(f, 0, len(chunk)), "what was written before is whole")
		b.Must(vol.Op{Kind: vol.Truncate, File: f, Size: 0})
		b.Write(f, 0, chunk)
		b.Unlink("a")
		b.Close(f)
		g := b.Create("b")
		require.Equal(b, n, fill(b, g, chunk), "an unlinked and closed file takes no room")
	}},
}

// fill writes chunks until there is no room and says how many there were.
func fill(b *Bench, f vol.FileID, chunk string) int {
	for n := range 64 {
		res := b.Try(vol.Op{Kind: vol.Write, File: f, Off: int64(n * len(chunk)), Data: []byte(chunk)})
		if res.Errno != 0 {
			require.Equal(b, syscall.ENOSPC, res.Errno)
			return n
		}
	}
	b.Fatal("a volume of 1 MiB takes more than 4 MiB")
	return 0
}
