package array

// Looks is how often a rule was looked at so far, to see whether it concerns an
// operation.
func (f *Fleet) Looks() int { return f.looks }
