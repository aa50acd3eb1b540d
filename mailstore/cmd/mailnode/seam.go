package main

import (
	"net"
	"os"
)

// Where the program touches the world. The simulator replaces these before main
// runs; nothing else in this program listens, dials or syncs.
var (
	listen = net.Listen
	dial   = (&net.Dialer{}).DialContext
	fsync  = (*os.File).Sync
)
