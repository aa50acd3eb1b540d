// Package prove shows on a bare array that a bug is seen, or not seen, exactly
// as its file says.
//
// It owns one general proof for every bug, shipped or a user's own: Alone makes
// a rig of arrays in and out of the bug's population and a healthy twin of it,
// fills both with blocks that certify themselves, walks the trigger to make it
// come true, brings about what the effect waits for, and writes down which
// observers noticed and when. Result.Differences compares that with what the
// bug's `shows` declares. Rate counts whether a chance is as large as declared.
//
// It assumes that everything follows from the seed and from its own virtual
// clock, and that the array's truth is not asked: observers see what answers
// show. It imports packages bug, vol and array, and never a world, a scenario or
// a mail store.
//
// # Use
//
//	result, err := prove.Alone(b, 1)
//	fmt.Print(result)                          // a table of stages and observers
//	for _, d := range result.Differences(b) {} // none: it is as its file says
package prove
