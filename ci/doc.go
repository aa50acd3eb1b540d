// Package ci holds the rules of this repository that a machine can keep: who
// may import whom, which calls belong to nobody, what must carry a comment, how
// long a file may be.
//
// It owns those rules and the reason for each. It assumes that the whole
// repository lies around it, and reads it as text. Nothing is compiled, but for
// the arrays, of which one test takes out one effect at a time. It imports the
// standard library only, and nothing imports it.
package ci
