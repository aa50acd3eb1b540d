package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"fourdays/storage/bug"
)

// Issue is one thing that is wrong with a file, and what would be right.
type Issue struct {
	Line, Column int // from 1
	What         string
	Want         string
}

// Error is everything that is wrong with a file, in the order of the file.
type Error struct {
	File   string
	Issues []Issue
}

// Error lists every issue as file:line:column, one to a line.
func (e *Error) Error() string {
	lines := make([]string, len(e.Issues))
	for i, issue := range e.Issues {
		lines[i] = fmt.Sprintf("%s:%d:%d: %s", e.File, issue.Line, issue.Column, issue.What)
		if issue.Want != "" {
			lines[i] += "; " + issue.Want
		}
	}
	return strings.Join(lines, "\n")
}

func newError(file string, issues []Issue) *Error {
	slices.SortStableFunc(issues, func(a, b Issue) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &Error{File: file, Issues: issues}
}

// closest returns the known word that a writer most likely meant, or "".
func closest(word string, known []string) string {
	best, at := "", 3
	for _, k := range known {
		if d := bug.Distance(word, k); d < at && d < len(k) {
			best, at = k, d
		}
	}
	return best
}

// oneOf says what is accepted, with a guess at what was meant.
func oneOf(word string, known []string) string {
	want := "want one of " + strings.Join(known, ", ")
	if guess := closest(word, known); guess != "" {
		return fmt.Sprintf("did you mean %q? %s", guess, want)
	}
	return want
}
