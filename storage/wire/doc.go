// Package wire carries a volume to another process.
//
// It owns the protocol between the two: vol.Op one way, vol.Result the other,
// over one stream, many in flight and answered in any order, so that an
// operation that hangs keeps nothing else waiting. It assumes a stream that
// keeps bytes in order, and trusts nothing of the other side: sizes are bounded
// before memory is taken, and what cannot be understood ends the connection.
// With the connection end all operations in flight and all later ones: EIO. The
// volume itself goes on; who serves it tells it (vol.Machine) what has become of
// the machine at the other end.
//
// It imports package vol and the standard library only.
//
// # Use
//
// The side that has the volume:
//
//	ours, theirs, err := wire.Pair()      // theirs is file 3 of the other process
//	server := wire.NewServer(ours, v)
//	go server.Serve()
//	<-server.Invalidate()                 // the other side has dropped its caches
//
// The other side:
//
//	conn, err := wire.Inherited(3)
//	remote := wire.Dial(conn)             // a vol.Volume
//	remote.OnInvalidate(mount.Invalidate)
//	<-remote.Gone()
package wire
