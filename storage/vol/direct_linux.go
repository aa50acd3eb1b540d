package vol

import "syscall"

// Direct is the flag of an Open past the node's caches: O_DIRECT.
const Direct = syscall.O_DIRECT
