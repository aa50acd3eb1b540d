package voltest

import (
	"fmt"
	"os"
	"strings"

	"github.com/stretchr/testify/require"

	"fourdays/storage/vol"
)

// lives is how often a case that depends on luck is tried.
const lives = 40

var crashes = []Case{
	{Name: "AKillLosesNothing", Crash: true, Run: func(b *Bench) {
		f := b.Create("a")
		b.Write(f, 0, "not synced")
		b.Mkdir("d")
		b.Machine.Kill()
		require.Equal(b, "not synced", b.Get("a"))
		require.Equal(b, []string{"a", "d"}, b.List("."))
		require.NotZero(b, b.Try(vol.Op{Kind: vol.Sync, File: f}).Errno, "its opens are gone")
	}},
	{Name: "AKillRemovesWhatWasUnlinked", Crash: true, Run: func(b *Bench) {
		b.Create("a")
		b.Unlink("a")
		b.Machine.Kill()
		require.Empty(b, b.List("."))
	}},
	{Name: "WhatWasSyncedSurvivesPowerLoss", Crash: true, Run: func(b *Bench) {
		for i := range lives {
			name, text := fmt.Sprintf("f%d", i), strings.Repeat(fmt.Sprint(i), 5000)
			b.PutSync(name, text)
			b.Machine.PowerLoss()
			require.Equal(b, text, b.Get(name))
		}
		require.Len(b, b.List("."), lives)
	}},
	{Name: "WhatWasNotSyncedMayBeLost", Crash: true, Run: func(b *Bench) {
		lost := 0
		for i := range lives {
			b.Put(fmt.Sprintf("f%d", i), "x")
			b.Machine.PowerLoss()
			if !b.Exists(fmt.Sprintf("f%d", i)) {
				lost++
			}
		}
		require.Positive(b, lost, "a volume that never loses anything proves nothing")
		require.Less(b, lost, lives, "luck has to have two sides")
	}},
	{Name: "AnOverwriteNotSyncedIsOldOrNewBySector", Crash: true, Run: unsyncedOverwrite},
	{Name: "ARenameIsAllOrNothing", Crash: true, Run: atomicRename},
	{Name: "ASyncedReplacementIsThere", Crash: true, Run: func(b *Bench) {
		b.PutSync("current", "old")
		b.PutSync("new", "new")
		b.Rename("new", "current")
		b.SyncDir(".")
		b.Machine.PowerLoss()
		require.Equal(b, "new", b.Get("current"))
		require.Equal(b, []string{"current"}, b.List("."))
	}},
	{Name: "AnUnlinkNotSyncedLeavesTheWholeFileOrNone", Crash: true, Run: func(b *Bench) {
		for range lives {
			b.PutSync("a", "whole")
			b.Unlink("a")
			b.Machine.PowerLoss()
			if b.Exists("a") {
				require.Equal(b, "whole", b.Get("a"))
			}
		}
	}},
	{Name: "ATruncationNotSyncedIsOldOrNew", Crash: true, Run: func(b *Bench) {
		for range lives {
			b.PutSync("a", strings.Repeat("x", 10000))
			b.Must(vol.Op{Kind: vol.Truncate, Path: "a", Size: 100})
			b.Machine.PowerLoss()
			require.Contains(b, []int{100, 10000}, len(b.Get("a")))
			require.Empty(b, strings.Trim(b.Get("a"), "x"))
		}
	}},
	{Name: "NamesAreAsDurableAsTheProfileSays", Crash: true, Run: profileNames},
	{Name: "ASecondPowerLossLosesNoMore", Crash: true, Run: func(b *Bench) {
		f := b.Create("a")
		b.Write(f, 0, strings.Repeat("x", 100000))
		b.Machine.PowerLoss()
		was := b.List(".")
		var text string
		if len(was) > 0 {
			text = b.Get("a")
		}
		b.Machine.PowerLoss()
		require.Equal(b, was, b.List("."))
		if len(was) > 0 {
			require.Equal(b, text, b.Get("a"))
		}
	}},
}

// unsyncedOverwrite shows the three fates of a block: lost, whole and torn at a
// sector, and no other.
func unsyncedOverwrite(b *Bench) {
	fates := map[string]int{}
	for range 2 * lives {
		b.PutSync("a", strings.Repeat("o", 4*4096))
		f := b.Open("a", os.O_RDWR)
		b.Write(f, 0, strings.Repeat("n", 4*4096))
		b.Machine.PowerLoss()
		got := b.Get("a")
		require.Len(b, got, 4*4096)
		for block := range 4 {
			fates[fate(b, got[block*4096:][:4096])]++
		}
	}
	for _, f := range []string{"lost", "whole", "torn"} {
		require.Positive(b, fates[f], "no block was %s", f)
	}
}

func fate(b *Bench, block string) string {
	fresh := 0
	for s := range 8 {
		sector := block[s*512:][:512]
		require.Equal(b, strings.Repeat(sector[:1], 512), sector, "a sector does not tear")
		fresh += strings.Count(sector[:1], "n")
	}
	switch fresh {
	case 0:
		return "lost"
	case 8:
		return "whole"
	}
	return "torn"
}

func atomicRename(b *Bench) {
	for i := range lives {
		b.PutSync("current", "old")
		b.PutSync("new", "new")
		b.Rename("new", "current")
		b.Machine.PowerLoss()
		got := b.Get("current")
		require.Contains(b, []string{"old", "new"}, got, "life %d", i)
		require.Equal(b, got == "old", b.Exists("new"), "the file has one name")
	}
}

func profileNames(b *Bench) {
	lost := 0
	for i := range lives {
		name := fmt.Sprintf("f%d", i)
		f := b.Create(name)
		b.Write(f, 0, "x")
		b.Sync(f)
		b.Machine.PowerLoss()
		if !b.Exists(name) {
			lost++
		}
	}
	if b.Strict {
		require.Positive(b, lost, "strict: a name needs a sync of its directory")
	} else {
		require.Zero(b, lost, "ordered: a synced file keeps its name")
	}
}
