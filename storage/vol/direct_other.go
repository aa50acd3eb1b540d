//go:build !linux

package vol

// Direct is the flag of an Open past the node's caches, where the system has no
// O_DIRECT: a bit that no other flag has.
const Direct = 1 << 30
