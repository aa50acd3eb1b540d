// Package solo is one volume for anybody: an array of its own, mounted at a
// directory, and told what to do through a socket.
//
// It owns the life of such a mount, the commands and how they are spelled on the
// socket, where the socket is, and who uses the mount. It assumes Linux, real
// time, and that nobody else serves the directory. What is on the volume lives
// as long as the process that has it. It imports neither a world nor a run.
//
// # The socket
//
// Whoever may use the mount's user account may use the socket (mode 0600 in a
// folder of mode 0700: $XDG_RUNTIME_DIR/fourdays or /tmp/fourdays-UID). Each line
// is one command in JSON, and is answered by one line. Commands of one connection
// are carried out in their order.
//
//	{"do":"arm","bug":"flush-lies","as":"lie","on":{"path":"*.db"}}
//	{"do":"arm","bug":"hpe-32768","reached_at":40000}
//	{"do":"disarm","name":"lie"}
//	{"do":"power-loss"}                  the node's; with "of":"array" the array's, off and on
//	{"do":"failover"}                    to the next controller
//	{"do":"heal"}                        disarms everything; the array has power and a controller
//	{"do":"faults"}                      what came of what was armed
//	{"do":"status"}
//	{"do":"umount"}                      with "lazy":true even if programs use it
//
// The answer has ok, and text for people or error. That of faults has faults, as
// run.json has them (their times count from the mount), that of status has
// status. Unknown keys are errors, so that no typing mistake passes for a fault.
package solo
