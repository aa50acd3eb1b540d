package run

import (
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"fourdays/harness/hist"
	"fourdays/harness/report"
	"fourdays/harness/scenario"
	"fourdays/harness/world"
)

// restartAfter is how long the supervisor waits before it starts a program
// that ended by itself; it doubles each time, up to a quarter of an hour. Both
// are picked, after systemd's habits.
const (
	restartAfter = 5 * time.Second
	restartMost  = 15 * time.Minute
)

// The ports at which services are at home.
const (
	lmtpPort    = 24
	adminPort   = 80
	imapPort    = 143
	peerPort    = 7000
	controlPort = 9000
)

// at is where a service of a machine is found.
func (st *stage) at(ip string, port int) string {
	return net.JoinHostPort(ip, strconv.Itoa(st.w.Port(port)))
}

// start runs a node's program on its machine.
func (st *stage) start(n *node) {
	n.wanted = true
	st.front.anew()
	if st.w.Running(n.name) {
		return
	}
	if err := st.launch(n); err != nil {
		st.fail(err)
	}
}

func (st *stage) launch(n *node) error {
	onExit := func(code uint32) { st.exited(n, code) }
	if st.foreign != nil {
		return st.foreign.Start(st.ctx, st.volume(n.volume), onExit)
	}
	mounts := []world.Mount{{Path: "/data", Volume: st.volume(n.volume)}}
	if st.s.Storage.Promise {
		mounts = append(mounts, world.Mount{Path: "/promise", Volume: st.volume(scenario.Device(n.volume))})
	}
	return st.w.Start(st.ctx, world.Spec{
		Name: n.name, IP: n.ip, Program: nodeProgram, Args: st.nodeArgs(n), Mounts: mounts, Peers: st.peers(n), OnExit: onExit,
	})
}

// peers are the addresses that a node dials.
func (st *stage) peers(n *node) map[string]string {
	at := map[string]string{}
	for _, p := range st.nodes {
		if p != n {
			at[p.name] = st.peerAt(p, p.identity)
		}
	}
	return at
}

func (st *stage) nodeArgs(n *node) []string {
	peers := n.members
	if n.life == 1 {
		for _, p := range st.nodes {
			peers = append(peers, p.name+"="+st.at(p.ip, peerPort))
		}
	}
	args := []string{
		"-id", n.id, "-data", "/data", "-peers", strings.Join(peers, ","), "-peer-listen", st.peerAt(n, n.identity),
		"-lmtp", st.at(n.ip, lmtpPort), "-imap", st.at(n.ip, imapPort), "-admin", st.at(n.ip, adminPort),
		"-domains", strings.Join(st.s.Mail.Domains, ","),
		"-raft-timeout", st.s.Raft.Timeout.String(), "-watchdog", st.s.Watchdog.String(),
	}
	if st.s.Storage.Promise {
		args = append(args, "-promise", "/promise")
	} else {
		args = append(args, "-promise", "")
	}
	if n.join {
		args = append(args, "-join")
	}
	if n.identity.recover {
		args = append(args, "-recover")
	}
	if len(st.s.Unsafe) > 0 {
		args = append(args, "-unsafe", strings.Join(st.s.Unsafe, ","))
	}
	return args
}

// exited is the supervisor: a program that ended by itself is started again.
func (st *stage) exited(n *node, code uint32) {
	if !n.wanted { // it was asked to end
		st.tell("operator", "%s has ended, with code %d", n.name, code)
		return
	}
	if n.refuses != nil {
		n.refuses(code)
		return
	}
	if st.Now() < 0 {
		st.fail(fmt.Errorf("start the store: %s ended with code %d before the run began; log/programs.log has its last words", n.name, code))
		return
	}
	wait := min(restartAfter<<min(n.restarts, 12), restartMost)
	n.restarts++
	st.tell("detected", "%s ended itself with code %d; the supervisor starts it again in %v", n.name, code, wait)
	at := st.Now() + wait
	st.dueAt(at, func() {
		if n.wanted {
			st.start(n)
		}
	})
}

func (st *stage) node(name string) *node {
	for _, n := range st.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

// startLoad runs the driver and connects to it.
func (st *stage) startLoad(ready func()) error {
	var nodes []string
	for _, n := range st.nodes {
		nodes = append(nodes, n.name+"="+st.faces(n))
	}
	ip := st.w.Address(world.Driver)
	control := st.at(ip, controlPort)
	args := []string{"-control", control, "-nodes", strings.Join(nodes, ";")}
	if st.foreign != nil {
		args = append(args, "-logins", st.foreign.Logins())
	}
	err := st.w.Start(st.ctx, world.Spec{
		Name: "load", IP: ip, Program: loadProgram, Args: args,
		OnExit: func(code uint32) { st.fail(fmt.Errorf("drive load: the driver ended with code %d", code)) },
	})
	if err != nil {
		return err
	}
	st.drv.w, st.drv.address = st.w, control
	return st.drv.connect(st.epoch(), ready)
}

// faces are the addresses of a node as the driver wants them.
func (st *stage) faces(n *node) string {
	if st.foreign != nil {
		return st.foreign.Faces()
	}
	return st.at(n.ip, lmtpPort) + "," + st.at(n.ip, imapPort) + "," + st.at(n.ip, adminPort)
}

// health is what the harness's probes have learnt of the nodes.
type health struct {
	firstUS *int64 // when a node first said by itself that something is wrong
}

// healthAnswer is the part of a node's /health that the harness reads.
type healthAnswer struct {
	Role        string `json:"role"`
	Fenced      bool   `json:"fenced"`
	Reason      string `json:"reason"`
	Unavailable string `json:"unavailable"`
	Detected    int    `json:"detected"` // how many lines /detected has
	reachable   bool
	detected    []string
}

// state is what became of a node, as the last look at it found.
func (n *node) state() string {
	switch {
	case !n.last.reachable:
		return report.Down
	case n.last.Fenced:
		return report.Fenced
	case n.last.Unavailable != "":
		return report.Unavailable
	}
	return report.Serving
}

// probeEvery is how often nodes are asked how they are, for probeFor after each
// turn of the story. Picked.
const (
	probeEvery = 10 * time.Second
	probeFor   = 3 * time.Minute
)

// probe asks every node how it is, and calls done when all have answered or
// failed to.
func (st *stage) probe(done func()) {
	left := len(st.nodes)
	for _, n := range st.nodes {
		st.ask(n, func(op *hist.Op) {
			st.heard(n, op)
			if left--; left == 0 {
				st.consider()
				if done != nil {
					done()
				}
			}
		})
	}
}

// heard takes one node's answer, or its silence.
func (st *stage) heard(n *node, op *hist.Op) {
	was := n.last
	var now healthAnswer
	if op != nil && op.Outcome == hist.OK && json.Unmarshal([]byte(op.Text), &now) == nil {
		now.reachable = true
	} else {
		now = was
		now.reachable = false
	}
	now.detected = was.detected
	n.last = now
	if !now.reachable {
		return
	}
	if now.Fenced && !was.Fenced {
		st.noticed("%s has fenced itself: %s", n.name, now.Reason)
		n.noticedMS = ms(st.Now())
	}
	if now.Unavailable != "" && was.Unavailable == "" && !now.Fenced && st.Now() >= 0 {
		st.noticed("%s says that it is unavailable: %s", n.name, now.Unavailable)
	}
	if now.Detected < len(n.last.detected) {
		n.last.detected = nil // its program has been started again
	}
	if now.Detected > len(n.last.detected) {
		st.admin(n.name, "GET", "/detected", "", func(op *hist.Op) { st.heardOf(n, op) })
	}
}

// heardOf takes what a node has detected: lines that only grow in number while
// its program lives.
func (st *stage) heardOf(n *node, op *hist.Op) {
	var lines []string
	if op == nil || op.Outcome != hist.OK || json.Unmarshal([]byte(op.Text), &lines) != nil {
		return
	}
	for _, line := range lines[min(len(n.last.detected), len(lines)):] {
		st.noticed("%s has detected: %s", n.name, line)
		n.detected = append(n.detected, line)
		n.noticedMS = ms(st.Now())
	}
	n.last.detected = lines
}

func (st *stage) noticed(format string, args ...any) {
	if st.health.firstUS == nil && st.Now() >= 0 {
		us := st.Now().Microseconds()
		st.health.firstUS = &us
	}
	st.tell("detected", format, args...)
}

// watch probes the nodes for a while.
func (st *stage) watch() {
	until := st.Now() + probeFor
	var next func()
	next = func() {
		st.probe(nil)
		if at := st.Now() + probeEvery; at < until {
			st.At(at, next)
		}
	}
	next()
}

// adminTimeout is how long the harness waits for an admin face. Picked.
const adminTimeout = 5 * time.Second

// admin asks a node's admin face. done gets nil when there was no answer.
func (st *stage) admin(node, method, path, body string, done func(*hist.Op)) {
	st.adminFor(node, method, path, body, adminTimeout, done)
}

// adminFor is admin for what may take so long.
func (st *stage) adminFor(node, method, path, body string, timeout time.Duration, done func(*hist.Op)) {
	op := &hist.Op{
		Kind: hist.Admin, By: hist.Operator, Node: node, Method: method, Path: path, Text: body,
		IntendedUS: st.Now().Microseconds(), TimeoutUS: timeout.Microseconds(),
	}
	st.drv.ask([]*hist.Op{op}, func(answers []*hist.Op) {
		if len(answers) == 0 {
			done(nil)
			return
		}
		done(answers[0])
	})
}

// nodesOn are the nodes whose volumes lie on an array.
func (st *stage) nodesOn(array string) (on []*node) {
	for _, n := range st.nodes {
		if n.array == array {
			on = append(on, n)
		}
	}
	return on
}
