package run

import (
	"fourdays/harness/report"
	"fourdays/storage/array"
)

// begins takes down what the arrays have counted before the script begins.
func (st *stage) begins() {
	for _, a := range st.s.Storage.Arrays {
		now := st.fleet.Standing(a.Name)
		st.ev.Arrays = append(st.ev.Arrays, report.Array{Name: a.Name, OS: st.fleet.OS(a.Name), Start: named(now), StartUsed: now.Used})
	}
}

// ends takes down what they have counted by now, once.
func (st *stage) ends() {
	for i := range st.ev.Arrays {
		a := &st.ev.Arrays[i]
		if a.End == nil {
			now := st.fleet.Standing(a.Name)
			a.End, a.EndUsed, a.EndMS = named(now), now.Used, st.Now().Milliseconds()
		}
	}
}

func named(s array.Standing) map[string]int64 {
	all := map[string]int64{}
	for c, n := range s.Counters {
		all[string(c)] = n
	}
	return all
}
