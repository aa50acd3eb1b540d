package main

import (
	"net"
	"os"
)

var (
	listen = net.Listen
	dial   = (&net.Dialer{}).DialContext
	fsync  = (*os.File).Sync
)
