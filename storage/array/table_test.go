package array

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestATableIsAListOfBlocks does the same random things to a table and to a plain
// list: they hold the same at every moment, and so do clones made on the way.
func TestATableIsAListOfBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var tab table
		var list []*block
		for range 100 {
			switch rng.IntN(4) {
			case 0:
				n := rng.IntN(400)
				tab.resize(n)
				list = append(list[:min(n, len(list)):min(n, len(list))], make([]*block, max(0, n-len(list)))...)
			case 1:
				c := tab.clone()
				require.True(t, sameBlocks(&c, &tab))
				if c.n > 0 {
					c.set(rng.IntN(c.n), newBlock(7))
					require.False(t, sameBlocks(&c, &tab))
					require.False(t, sameBlocks(&tab, &c))
				}
			default:
				if len(list) > 0 {
					i, b := rng.IntN(len(list)), []*block{nil, newBlock(1)}[min(1, rng.IntN(3))]
					tab.set(i, b)
					list[i] = b
				}
			}
			holds(t, list, &tab, rng)
		}
	}
}

func holds(t *testing.T, want []*block, tab *table, rng *rand.Rand) {
	require.Equal(t, len(want), tab.n)
	next, count := 0, 0
	from, to := rng.IntN(tab.n+1), rng.IntN(tab.n+70)
	for i, b := range tab.all() {
		for ; next < i; next++ {
			require.Nil(t, want[next])
		}
		require.Same(t, want[i], b)
		next = i + 1
	}
	for i := range tab.n + 70 {
		if i < len(want) && want[i] != nil {
			require.Same(t, want[i], tab.at(i))
			if i >= from && i < to {
				count++
			}
			continue
		}
		require.Nil(t, tab.at(i))
	}
	require.EqualValues(t, count, tab.count(from, to))
}

// TestATableCostsWhatIsInIt: two gigabytes of nothing take no memory, a block in
// the middle takes its page and the way there, and a clone no more than that.
func TestATableCostsWhatIsInIt(t *testing.T) {
	const blocks = 2 << 30 / BlockSize
	var tab table
	require.Zero(t, testing.AllocsPerRun(10, func() { tab.resize(0); tab.resize(blocks) }))
	tab.set(blocks/2, newBlock(1))
	for _, tab := range []table{tab, tab.clone()} {
		slots := 0
		for _, p := range tab.pages {
			slots += cap(p)
		}
		require.LessOrEqual(t, slots, pageBlocks)
		require.LessOrEqual(t, len(tab.pages), blocks/2/pageBlocks+1)
	}
}

// TestBlocksPastTheEndAreOurMistake: a table does not grow by being written to.
func TestBlocksPastTheEndAreOurMistake(t *testing.T) {
	tab := table{n: 3}
	require.Panics(t, func() { tab.set(3, newBlock(1)) })
}
