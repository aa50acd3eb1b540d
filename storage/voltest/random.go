package voltest

import (
	"math/rand/v2"
	"os"
	"slices"

	"github.com/stretchr/testify/require"

	"fourdays/storage/vol"
)

// steps is how long a random comparison is, and seeds how many there are.
const (
	steps = 1500
	seeds = 4
)

var models = []Case{
	{Name: "RandomOperationsAgreeWithTheModel", Run: func(b *Bench) { newDuel(b, 1).run(steps * seeds) }},
	{Name: "RandomOperationsAndCrashesAgreeWithTheModel", Crash: true, Run: func(b *Bench) {
		if b.Strict {
			b.Skip("the model promises names as the ordered profile does")
		}
		for seed := range uint64(seeds) {
			newDuel(b, seed).runWithCrashes(steps)
			wipe(b, ".")
		}
	}},
}

// duel is a volume and the model doing the same things.
type duel struct {
	*Bench
	m    *model
	rng  *rand.Rand
	seed uint64
	step int
}

func newDuel(b *Bench, seed uint64) *duel {
	return &duel{Bench: b, m: newModel(), rng: rand.New(rand.NewPCG(seed, 0x766f6c74657374)), seed: seed}
}

func (d *duel) run(n int) {
	for d.step = range n {
		d.one()
	}
	d.compareAll()
	d.m.files = nil
}

func (d *duel) one() {
	op := d.m.randomOp(d.rng)
	mine := op
	mine.Data = slices.Clone(op.Data)
	got := d.Try(op)
	want := d.m.do(mine, got.File)
	what := []any{"seed %d step %d: %s %s %s off %d len %d", d.seed, d.step, op.Kind, op.Path, op.To, op.Off, len(op.Data)}
	require.Equal(d, want.Errno, got.Errno, what...)
	require.Equal(d, want.N, got.N, what...)
	require.Equal(d, want.Info.Size, sizeOf(op, got), what...)
	require.Equal(d, namesOf(want), namesOf(got), what...)
	if op.Kind == vol.Read {
		require.Equal(d, mine.Data[:want.N], op.Data[:got.N], what...)
	}
}

func sizeOf(op vol.Op, r vol.Result) int64 {
	if op.Kind != vol.Open || r.Info.Mode.IsDir() {
		return 0
	}
	return r.Info.Size
}

func namesOf(r vol.Result) []string {
	var all []string
	for _, e := range r.Entries {
		all = append(all, e.Name)
	}
	return all
}

func (d *duel) compareAll() {
	want := []string{}
	d.m.each(func(p string, n *node) {
		want = append(want, p)
		if n.dir == nil {
			require.Equal(d, string(n.data), d.Get(p), "seed %d: %s", d.seed, p)
		}
	})
	require.Equal(d, want, walk(d.Bench, "."))
}

// runWithCrashes lets the machine die now and then. What was promised must be
// there; with what else is there both go on.
func (d *duel) runWithCrashes(n int) {
	for d.step = range n {
		switch d.rng.IntN(100) {
		case 0:
			d.Machine.Kill()
			clear(d.m.files)
			d.compareAll()
		case 1:
			d.Machine.PowerLoss()
			clear(d.m.files)
			d.promised()
			d.m = d.reload()
		default:
			d.one()
		}
	}
	d.compareAll()
}

// promised checks what a power loss must not have taken: the name of what was
// not renamed since the last sync, and the content of what was not written
// since its own.
func (d *duel) promised() {
	if d.m.movedAt > d.m.synced {
		return
	}
	d.m.each(func(p string, n *node) {
		if n.named > d.m.synced {
			return
		}
		require.True(d, d.Exists(p), "seed %d step %d: the name %s was promised", d.seed, d.step, p)
		if n.dir == nil && !n.dirty {
			require.Equal(d, string(n.data), d.Get(p), "seed %d step %d: %s was promised", d.seed, d.step, p)
		}
	})
}

// reload makes a model of what is there, all of it as good as synced.
func (d *duel) reload() *model {
	m := newModel()
	for _, p := range walk(d.Bench, ".") {
		dir, name, _, _ := m.find(p)
		if d.Must(vol.Op{Kind: vol.Stat, Path: p}).Info.Mode.IsDir() {
			dir.dir[name] = &node{dir: map[string]*node{}}
		} else {
			dir.dir[name] = &node{data: []byte(d.Get(p))}
		}
	}
	return m
}

func walk(b *Bench, dir string) []string {
	all := []string{}
	for _, e := range b.Must(vol.Op{Kind: vol.ReadDir, Path: dir}).Entries {
		p := e.Name
		if dir != "." {
			p = dir + "/" + e.Name
		}
		all = append(all, p)
		if e.Mode.IsDir() {
			all = append(all, walk(b, p)...)
		}
	}
	return all
}

// wipe empties a directory, so that the next comparison starts from nothing.
func wipe(b *Bench, dir string) {
	b.Machine.Kill()
	all := walk(b, dir)
	slices.Reverse(all)
	for _, p := range all {
		kind := vol.Unlink
		if b.Must(vol.Op{Kind: vol.Stat, Path: p}).Info.Mode.IsDir() {
			kind = vol.Rmdir
		}
		b.Must(vol.Op{Kind: kind, Path: p})
	}
	f := b.Open("settle", os.O_CREATE|os.O_RDWR)
	b.Sync(f)
	b.Close(f)
	b.Unlink("settle")
	b.SyncDir(".")
}
