package local

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/world"
)

// nodes starts the mail store on n1, n2 and so on.
func (r *rig) nodes(names ...string) {
	at := func(i, port int) string { return fmt.Sprintf("%s:%d", r.w.Address(i), r.w.Port(port)) }
	var peers []string
	for i, name := range names {
		peers = append(peers, name+"="+at(i, 7000))
	}
	for i, name := range names {
		spec := world.Spec{
			Name: name, IP: r.w.Address(i), Program: "mailnode", Peers: map[string]string{},
			Args: []string{
				"-id", name, "-data", "/data", "-peers", strings.Join(peers, ","), "-peer-listen", at(i, 7000), "-lmtp", at(i, 24),
				"-imap", at(i, 143), "-admin", at(i, 80), "-domains", "a.example", "-raft-timeout", "500ms", "-watchdog", "1s",
			},
			Mounts: []world.Mount{{Path: "/data", Volume: r.fleet.Volume(name)}},
		}
		for j, other := range names {
			if i != j {
				spec.Peers[other] = at(j, 7000)
			}
		}
		r.startSpec(spec)
	}
}

// health is what a node says of itself.
type health struct{ Role, Leader, Unavailable string }

func (r *rig) health(i int) (h health) {
	client := http.Client{Timeout: 5 * time.Second}
	res, err := client.Get(fmt.Sprintf("http://%s:%d/health", r.w.Address(i), r.w.Port(80)))
	if err != nil {
		return health{Role: err.Error()}
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&h); err != nil {
		h.Role = err.Error()
	}
	return h
}

// leads waits until one of some nodes leads and is ready.
func (r *rig) leads(among ...int) (leader int) {
	r.until("somebody leads", func() bool {
		for _, i := range among {
			if h := r.health(i); h.Role == "leader" && h.Unavailable == "" {
				leader = i
				return true
			}
		}
		return false
	})
	return leader
}

// TestANodeWithAHungVolumeAnswers as it does in the simulator: its admin face
// says what is wrong, and another node leads.
func TestANodeWithAHungVolumeAnswers(t *testing.T) {
	names := []string{"n1", "n2", "n3"}
	r := newRig(t, names...)
	r.nodes(names...)
	hung := r.leads(0, 1, 2)
	r.arm(names[hung], hungSync)
	go func() { // nobody knows what becomes of it
		res, err := http.Post(fmt.Sprintf("http://%s:%d/accounts", r.w.Address(hung), r.w.Port(80)), "", strings.NewReader(`{"create":[{"address":"a@a.example"}]}`))
		if err == nil {
			_ = res.Body.Close()
		}
	}()
	r.until("the node says that its volume hangs", func() bool { return r.health(hung).Unavailable != "" })
	r.leads((hung+1)%3, (hung+2)%3)
	require.NotEmpty(t, r.health(hung).Unavailable, "and says so still")
}

// TestACutLeaderIsReplaced: what the nodes say to each other goes through the
// world's links.
func TestACutLeaderIsReplaced(t *testing.T) {
	names := []string{"n1", "n2", "n3"}
	r := newRig(t, names...)
	r.nodes(names...)
	old := r.leads(0, 1, 2)
	one, two := (old+1)%3, (old+2)%3
	for _, other := range []int{one, two} {
		r.w.SetLink(names[old], names[other], world.Link{Cut: true})
	}
	next := r.leads(one, two)
	for _, other := range []int{one, two} {
		r.w.SetLink(names[old], names[other], world.Link{})
	}
	r.until("the old leader follows", func() bool { return r.health(old).Leader == names[next] || r.health(old).Role == "follower" })
}

// TestAPausedLeaderIsReplaced: it says nothing until it may go on, and then
// follows.
func TestAPausedLeaderIsReplaced(t *testing.T) {
	names := []string{"n1", "n2", "n3"}
	r := newRig(t, names...)
	r.nodes(names...)
	old := r.leads(0, 1, 2)
	require.NoError(t, r.w.Pause(names[old]))
	next := r.leads((old+1)%3, (old+2)%3)
	require.True(t, r.w.Running(names[old]))
	require.NoError(t, r.w.Continue(names[old]))
	r.until("the old leader follows", func() bool { return r.health(old).Leader == names[next] })
	require.NoError(t, r.w.Pause(names[old]))
	require.NoError(t, r.w.Kill(names[old]), "paused or not")
}

// TestADroppedCacheDoesNotWaitForWhatHangs more than once.
func TestADroppedCacheDoesNotWaitForWhatHangs(t *testing.T) {
	r := newRig(t, "n1")
	r.start("n1", "write", "/data")
	r.hears("n1", "done")
	require.NoError(t, r.w.Kill("n1"))
	r.start("n1", "wait", "/data")
	require.NoError(t, r.w.Invalidate("n1"))
	r.arm("n1", `{ops: [read], reply: never}`)
	r.w.Exec("n1", world.Errand{Args: []string{"/bin/sh", "-c", "cat $DATA/durable"}, Env: []string{"DATA=/data"}, Within: time.Minute}, func(string, error) {})
	r.until("the read hangs", func() bool { return r.fleet.Receipts()[0].Fired > 0 })
	began := time.Now()
	for range 100 {
		require.NoError(t, r.w.Invalidate("n1"))
	}
	require.Less(t, time.Since(began), 5*time.Second)
}

// TestANodeOnADeadArrayStartsAndSaysSo: it is the program that finds out what its
// volume does, as in the simulator, and it goes on when that is over.
func TestANodeOnADeadArrayStartsAndSaysSo(t *testing.T) {
	r := newRig(t, "n1")
	r.nodes("n1")
	r.leads(0)
	require.NoError(t, r.w.PowerLoss("n1"))
	rule := r.arm("n1", `{ops: [open, read, write, fsync, stat, readdir], reply: never}`)
	r.nodes("n1")
	r.until("the node says that its volume does not answer", func() bool { return r.health(0).Unavailable != "" })
	require.NoError(t, r.fleet.Disarm(rule.ID))
	r.leads(0)
}
