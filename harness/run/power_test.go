package run

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/world"
)

// slowly is a place whose worlds need time to take a machine's power.
type slowly struct {
	plain
	told *[]string
}

type slowWorld struct {
	world.World
	told *[]string
}

func (p slowly) New(ctx context.Context, s world.Setting) (world.World, error) {
	w, err := p.plain.New(ctx, s)
	return slowWorld{w, p.told}, err
}

// Shut implements world.Shutter.
func (w slowWorld) Shut(machine string) error {
	*w.told = append(*w.told, "shut "+machine)
	return nil
}

func (w slowWorld) PowerLoss(machine string) error {
	*w.told = append(*w.told, "lose "+machine)
	return w.World.PowerLoss(machine)
}

// TestAPowerLossIsOneMoment: all nodes of a step are shut before the first is
// cleared away, where that takes time.
func TestAPowerLossIsOneMoment(t *testing.T) {
	t.Parallel()
	var told []string
	s := load(t, "../worldtest/testdata/power-loss-all.yaml")
	_, err := Run(t.Context(), s, Options{Dir: t.TempDir(), Place: slowly{plain{programs(t)}, &told}})
	require.NoError(t, err)
	require.Equal(t, []string{"shut n1", "shut n2", "shut n3", "lose n1", "lose n2", "lose n3"}, told)
}
