// Package clients holds the tests with mail programs of others: swaks brings
// mail to three nodes, mbsync keeps a Maildir of every account like theirs,
// and meanwhile the array of one node fails.
//
// It owns what those programs were told and the comparison of that with what
// they hold in the end. It assumes Debian's isync and swaks, and a machine
// that can mount. It has no code of its own but tests, and nobody imports it.
package clients
