//go:build !linux && !darwin

package sim

func reserve(n uint64) []byte { return make([]byte, n) }

func unreserve([]byte) {}
