// Package sweep finds and removes what killed harnesses left behind.
//
// It owns how leftovers are told from what is in use: mounts whose server is
// dead, processes and containers whose mark names a harness that is no more,
// folders of mounts with nothing in them, sockets that nobody answers. It
// assumes Linux and the marks of package live, touches nothing of others, and
// removes no file that holds anything. It does not import the library of the
// container world: the docker command is enough, and where it is not installed
// there are no containers either.
package sweep
