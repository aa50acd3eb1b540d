package run

import (
	"context"
	"fmt"
	"os"
	"runtime/pprof"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestZZ(t *testing.T) {
	s := load(t, os.Getenv("ZZ"))
	dir := t.TempDir()
	st, err := newStage(t.Context(), s, Options{Dir: dir, Programs: programs(t)})
	require.NoError(t, err)
	require.NoError(t, st.prepare())
	fmt.Println("prepared")
	require.NoError(t, st.script())
	fmt.Println("script", st.Now())
	st.engine.StopArrivals()
	f, _ := os.Create("/tmp/zz.prof")
	pprof.StartCPUProfile(f)
	require.NoError(t, st.settle())
	fmt.Println("settled", st.Now())
	done := false
	st.engine.Audit(6, 3, func(int) { done = true })
	for !done {
		t0 := time.Now()
		e0 := st.w.Events()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		err := st.w.Run(ctx, st.w.Now()+step)
		cancel()
		fmt.Println(st.Now(), time.Since(t0), st.w.Events()-e0, err)
		if err != nil { break }
	}
	pprof.StopCPUProfile()
	f.Close()
	b, _ := os.ReadFile(dir + "/log/programs.log")
	os.WriteFile("/tmp/zz.log", b, 0o644)
}
