package scenario

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const bugA = "{id: a, trigger: {event: power_loss}, effect: {ops: [read], reply: EIO}, scope: {extent: array}, persistence: permanent}"

// invalid are edits of the example that make it wrong. Each want is what one
// line of the error must hold. The schema refuses those marked with it too; the
// others are about how the parts of a file fit together.
var invalid = []struct {
	name, from, to, want string
	schema               bool
}{
	{"unknown key", "seed: 7", "sed: 7", `test.yaml:4:1: unknown key "sed" in the scenario; did you mean "seed"? want one of name, title,`, true},
	{"unknown key inside", "archive: 5", "archives: 5", `test.yaml:17:3: unknown key "archives" in mail; did you mean "archive"?`, true},
	{"key twice", "seed: 7", "seed: 7\nseed: 8", `test.yaml:5:1: the scenario has "seed" twice, first on line 4; keep one of the two`, false},
	{"missing key", "duration: 3m\n", "", `test.yaml:2:1: the scenario has no "duration"; add duration: …`, true},
	{"text for a number", "mailboxes: 200", "mailboxes: many", `test.yaml:16:14: found the text "many"; want a whole number from 1 to 1000000`, true},
	{"number for text", "os: other/9.4", "os: 9.4", `test.yaml:10:17: found 9.4 (float); want text, in quotes if it looks like a number`, true},
	{"empty value", "seed: 7", "seed:", `test.yaml:4:6: found nothing; want a whole number`, true},
	{"negative seed", "seed: 7", "seed: -7", `test.yaml:4:7: found -7; want a whole number`, true},
	{"list for a mapping", "raft: {timeout: 2s}", "raft: [2s]", `test.yaml:24:7: raft is a list; want a mapping`, true},
	{"mapping for a list", "[libero.example, virgilio.example]", "{a: b}", `test.yaml:15:12: found a mapping instead of a list; want a list of domains`, true},
	{"no domains", "[libero.example, virgilio.example]", "[]", `test.yaml:15:12: the list is empty; want a list of domains`, true},
	{"domain twice", "virgilio.example]", "libero.example]", `"libero.example" comes twice; name it once`, true},
	{"not a domain", "virgilio.example]", "virgilio]", `"virgilio" is not a domain; want a domain such as`, true},
	{"bad name", "name: lying", "name: Lying", `test.yaml:2:7: found the text "Lying-flush-shared-fate"; want a name of small letters`, true},
	{"empty title", "title: Every replica's array runs the same OS, and its flush lies", `title: ""`, `test.yaml:3:8: found an empty text; want text`, true},
	{"control character", "title: Every replica's array runs the same OS, and its flush lies", `title: "a\e[31m"`, `test.yaml:3:8: the text has the control character '\x1b'; want text that a terminal`, false},
	{"no such senders", "senders: consumer-2023", "senders: consumer-2024", `found the text "consumer-2024"; did you mean "consumer-2023"?`, true},
	{"array not there", "n3: north}", "n3: nort}", `test.yaml:12:36: node n3 is on array "nort", which is not there; did you mean "north"?`, false},
	{"no replicas", "main: {n1: east, n2: west, n3: north}", "main: {}", `test.yaml:12:11: store main has 0 replicas; want 1, 3, 5 or more`, true},
	{"even replicas", ", n3: north}", "}", `test.yaml:12:11: store main has 2 replicas; want 1, 3, 5`, false},
	{"node in two stores", "n3: north}", "n3: north}\n    old: {n1: east}", `test.yaml:13:11: node n1 is in two stores, first on line 12; give every`, false},
	{"bad node name", "n3: north}", "node3: north}", `test.yaml:12:32: "node3" cannot name a node; want a node's name, n1 to n99`, true},
	{"array named like a node", "north: {os", "n3: {os", `test.yaml:10:5: "n3" cannot name an array`, true},
	{"no arrays", "arrays:\n    east:  {os: acme/1.0}\n    west:  {os: acme/1.0}\n    north: {os: other/9.4}", "arrays: {}", `test.yaml:7:11: there are no arrays; want at least one`, true},
	{"no OS", "{os: other/9.4}", "{}", `test.yaml:10:12: an array has no "os"; add os: …`, true},
	{"bandwidth without time", "{os: other/9.4}", "{os: o, bandwidth: 200MB}", `found the text "200MB"; want an amount such as 64KB/s`, true},
	{"capacity without unit", "{os: other/9.4}", "{os: o, capacity: 64}", `found 64 (int); want an amount such as 64KB`, true},
	{"no such profile", "stores:  ", "profile: ordred\n  stores:  ", `did you mean "ordered"? want one of ordered, strict`, true},
	{"sample above population", "archive: 5", "population: 100", `test.yaml:17:15: a sample of 200 cannot stand for 100; want at least as many`, false},
	{"rate without unit", "deliver: 20/s", "deliver: 20", `test.yaml:20:12: "20" is not a rate; want a count per s, m, h or d`, true},
	{"negative rate", "deliver: 20/s", "deliver: -20/s", `"-20/s" is not a rate`, true},
	{"load past the end", "read: 10/s", "until: 4m", `test.yaml:20:3: the load ends at 4m, past the end; want until at most 3m`, false},
	{"load backwards", "read: 10/s", "from: 2m\n  until: 1m", `the load starts at 2m and ends at 1m; want from before until`, false},
	{"new ones of no clients", "read: 10/s", "new_clients: 10%", `test.yaml:21:16: a share of no clients is new; add clients: 2`, false},
	{"too many clients", "read: 10/s", "clients: 1000", `found 1000; want a whole number from 0 to 100`, true},
	{"open for a number", "lost: 0", "stays_open: 1", `found 1 (int); want true or false`, true},
	{"no such defect", "raft: {timeout: 2s}", "unsafe: [nosync]", `test.yaml:24:10: no such defect "nosync"; did you mean "no-sync"?`, true},
	{"negative time", "at: 30s", "at: -30s", `test.yaml:27:10: negative time -30s; want 0s or later`, true},
	{"not a time", "at: 30s", "at: soon", `test.yaml:27:10: "soon" is not a duration; want a duration such as 90s`, true},
	{"time without unit", "at: 30s", "at: 30", `test.yaml:27:10: "30" is not a duration`, true},
	{"endless", "duration: 3m", "duration: 9999d", `test.yaml:30:11: 9999d is too long; want at most 366d`, false},
	{"step past the end", "at: 61s", "at: 4m", `test.yaml:29:5: the step at 4m is past the end; want at most the duration, 3m`, false},
	{"no time", "at: 30s, ", "", `test.yaml:27:5: the step has no time; add at: 30s`, true},
	{"no action", "power_on: [east, west]", "note: ''", `found an empty text`, true},
	{"nothing but a time", ", power_on: [east, west]}", "}", `test.yaml:29:5: the step does nothing; want one of arm, disarm, fix,`, true},
	{"unknown action", "power_on: [east, west]", "power_of: [east]", `unknown key "power_of" in a step; did you mean "power_on"? want one of at, note, arm,`, true},
	{"two actions", "power_on: [east, west]", "power_on: [east], kill: [n1]", `test.yaml:29:5: the step has 2 actions; want a step for each`, true},
	{"arm on nothing", ", on: {os: acme/*}", "", `test.yaml:27:5: arm does not say on what; add on:`, true},
	{"arm on an empty scope", "{os: acme/*}", "{}", `test.yaml:27:36: on chooses nothing`, true},
	{"bad glob", "acme/*", "'[a'", `"[a" is not a glob`, false},
	{"on without arm", "power_on: [east, west]", "power_on: [east, west], on: {os: a}", `only arm takes on, as, reached_at, chance; leave it out`, true},
	{"power loss of nothing", "power_loss: [east, west]", "power_loss: []", `the list is empty; want a list of arrays and nodes`, true},
	{"power loss of the unknown", "power_loss: [east, west]", "power_loss: [eats]", `test.yaml:28:28: there is no array or node "eats"; did you mean "east"? want one of east, west, north, n1, n2, n3`, false},
	{"kill of an array", "power_loss: [east, west]", "kill: [east]", `there is no node "east"; want one of n1, n2, n3`, true},
	{"failover of a node", "power_loss: [east, west]", "failover: [n1]", `there is no array "n1"`, true},
	{"fix of what is not armed", "power_loss: [east, west]", "fix: flush-lie", `test.yaml:28:5: fix: nothing armed is called "flush-lie"; did you mean "flush-lies"?`, false},
	{"disarm before arm", "at: 60s, power_loss: [east, west]", "at: 1s, disarm: flush-lies", `disarm: nothing armed is called "flush-lies"; arm it first`, false},
	{"armed twice", "power_loss: [east, west]", "arm: flush-lies, on: {node: n1}", `test.yaml:28:5: "flush-lies" is armed twice; give the second one a name of its own with as:`, false},
	{"partition into one", "power_loss: [east, west]", "partition: [[n1]]", `a partition into 1; want at least two groups`, true},
	{"node in two groups", "power_loss: [east, west]", "partition: [[n1], [n1]]", `node n1 is in two groups`, false},
	{"heal of what", "power_loss: [east, west]", "heal: all", `found the text "all"; want one of network`, true},
	{"link of three", "power_loss: [east, west]", "link: {between: [n1, n2, n3], loss: 1%}", `a link between 3; want two nodes`, true},
	{"link unchanged", "power_loss: [east, west]", "link: {between: [n1, n2]}", `the link does not change; add latency`, true},
	{"share above all", "power_loss: [east, west]", "close_accounts: {share: 101%}", `"101%" is not a share; want a share such as 25%`, true},
	{"share of what", "power_loss: [east, west]", "close_accounts: some", `found the text "some"; want all, or {share: 25%}`, true},
	{"share without sign", "power_loss: [east, west]", "reopen: {share: 10}", `"10" is not a share`, true},
	{"reopen nothing", "power_loss: [east, west]", "reopen: {share: 0%}", `the share is nothing; want more than 0%`, true},
	{"reopen half said", "power_loss: [east, west]", "reopen: {to: 100%, over: 1m}", `reopen does not say how; want {share: 10%} or {to: 100%, over: 55h, steps: 11}`, true},
	{"reopen past the end", "power_loss: [east, west]", "reopen: {to: 100%, over: 1h, steps: 2}", `reopening ends at 1h1m, past the end`, false},
	{"policy", "power_loss: [east, west]", "inbound: closed", `want one of open, tempfail, refuse, unreachable`, true},
	{"spool nowhere", "power_loss: [east, west]", "inbound: spool", `the spool does not say on which array it lies; want {policy: spool, on: ARRAY}`, true},
	{"spool still nowhere", "power_loss: [east, west]", "inbound: {policy: spool}", `the spool does not say on which array it lies; add on: ARRAY`, true},
	{"spool on an array that is not there", "power_loss: [east, west]", "inbound: {policy: spool, on: esat}", `there is no array "esat"; did you mean "east"?`, false},
	{"array of no spool", "power_loss: [east, west]", "inbound: {policy: refuse, on: east}", `only the policy spool keeps mail on an array; leave it out`, true},
	{"spool of a list", "power_loss: [east, west]", "inbound: [spool]", `found a list`, true},
	{"verify some", "power_loss: [east, west]", "verify: some", `want one of all`, true},
	{"leap back", "power_loss: [east, west]", "leap: {until: 59s}", `the leap goes back to 59s`, false},
	{"leap past the end", "power_loss: [east, west]", "leap: {until: 1h}", `the leap ends at 1h, past the end`, false},
	{"leap over a step", "power_loss: [east, west]", "leap: {until: 2m}", `the leap to 2m runs over the step at 1m1s (line 29); end the leap there`, false},
	{"nothing expected", "  lost: 0\n  altered: 0\n  misfiled: 0\n  recovered_within: 60s", "  {}", `test.yaml:33:3: nothing is expected; want at least one, such as lost: 0`, true},
	{"bad comparison", "lost: 0", "lost: few", `test.yaml:33:9: "few" is not a comparison; want a number or a comparison`, true},
	{"negative count", "lost: 0", "lost: -1", `"-1" is not a comparison`, true},
	{"grade", "lost: 0", "grade: survive", `want one of must_survive, may_stop, loss_detected`, true},
	{"tolerance without drives", "{os: other/9.4}", "{os: o, tolerance: 2}", `test.yaml:10:12: an array of 0 drives cannot do without 2; want more drives than may fail`, false},
	{"skew without drives", "{os: other/9.4}", "{os: o, skew: 1h}", `test.yaml:10:12: rebuild and skew are about drives, and the array has none; add drives: 8`, false},
	{"age without unit", "{os: other/9.4}", "{os: o, power_on: 32767}", `test.yaml:10:30: "32767" is not a duration; want a duration such as`, true},
	{"older than drives get", "{os: other/9.4}", "{os: o, power_on: 40000d}", `40000d is too long; want at most 36525d`, false},
	{"counter unknown", "{os: other/9.4}", "{os: o, counters: {write: 7}}", `unknown key "write" in counters; did you mean "writes"?`, true},
	{"hours as a counter", "{os: other/9.4}", "{os: o, counters: {power_on_hours: 7}}", `test.yaml:10:31: hours of power are no counter to start; want power_on: 32767h, beside counters`, true},
	{"no counters", "{os: other/9.4}", "{os: o, counters: {}}", `no counters are named; want at least one of ops, writes,`, true},
	{"cache without unit", "{os: other/9.4}", "{os: o, cache: 64}", `found 64 (int); want an amount such as 64KB`, true},
	{"reached of what", "power_on: [east, west]", "power_on: [east], reached_at: 7", `only arm takes on, as, reached_at, chance; leave it out`, true},
	{"reached by no counter", "on: {os: acme/*}", "on: {os: acme/*}, reached_at: 7", `test.yaml:27:62: bug flush-lies waits for no counter; leave it out`, false},
	{"reached at nothing", "on: {os: acme/*}", "on: {os: acme/*}, reached_at: 0", `found 0; want a whole number from 1 to`, true},
	{"chance of no chance", "on: {os: acme/*}", "on: {os: acme/*}, chance: 1", `bug flush-lies waits for no chance; leave it out`, false},
	{"chance above one", "on: {os: acme/*}", "on: {os: acme/*}, chance: 1.5", `found 1.5; want a number above 0 and at most 1`, true},
	{"upgrade of nothing", "power_loss: [east, west]", "upgrade: {}", `an upgrade of nothing; want arrays with their new OS`, true},
	{"upgrade of the unknown", "power_loss: [east, west]", "upgrade: {eats: acme/1.1}", `there is no array "eats"; did you mean "east"?`, false},
	{"upgrade to a number", "power_loss: [east, west]", "upgrade: {east: 1.1}", `found 1.1 (float); want text, in quotes`, true},
	{"upgrade in no way", "power_loss: [east, west]", "upgrade: {east: acme/1.1}, how: slowly", `test.yaml:28:47: found the text "slowly"; want one of rolling, at_once`, true},
	{"way of what", "power_loss: [east, west]", "power_loss: [east], how: rolling", `test.yaml:28:40: only upgrade takes how, step, takes, one_way; leave it out`, true},
	{"time of no way", "power_loss: [east, west]", "upgrade: {east: acme/1.1}, takes: 1s", `the upgrade has no use for takes; add how: rolling or how: at_once`, true},
	{"step of all at once", "power_loss: [east, west]", "upgrade: {east: acme/1.1}, how: at_once, takes: 1s, step: 2s", `the upgrade has no use for step; add how: rolling, or leave it out`, false},
	{"step before the first is back", "power_loss: [east, west]", "upgrade: {east: acme/1.1}, how: rolling, takes: 2s, step: 1s", `the next controller goes away after 1s, before the first is back; want at least takes, 2s`, false},
	{"upgrade past the end", "power_loss: [east, west]", "upgrade: {east: acme/1.1}, how: rolling, takes: 30s, step: 100s", `test.yaml:28:5: the upgrade of east ends at 3m10s, past the end; want the last controller back within the duration, 3m`, false},
	{"tell of no event", "power_loss: [east, west]", "tell: {on: [east]}", `tell has no "event"; add event: …`, true},
	{"tell nobody", "power_loss: [east, west]", "tell: {event: dedupe}", `tell has no "on"`, true},
	{"tell of what has a step", "power_loss: [east, west]", "tell: {event: power_cycle, on: [east]}", `an array gives the event power_cycle by itself; use power_loss and power_on`, true},
	{"not an event", "power_loss: [east, west]", "tell: {event: De dupe, on: [east]}", `found the text "De dupe"; want the name of an event`, true},
	{"scrub of the unknown", "power_loss: [east, west]", "scrub: [n9]", `there is no array or node "n9"`, false},
	{"replace of the unknown", "power_loss: [east, west]", "replace: {node: n9}", `test.yaml:28:31: there is no node "n9"; did you mean "n1"?`, false},
	{"replace of an array", "power_loss: [east, west]", "replace: {node: east}", `want a node's name, n1 to n99`, true},
	{"replace onto the unknown", "power_loss: [east, west]", "replace: {node: n1, on: eats}", `test.yaml:28:39: there is no array "eats"; did you mean "east"?`, false},
	{"replaced twice", "power_on: [east, west]}", "replace: {node: n1}}\n  - {at: 62s, replace: {node: n1, on: north}}", `test.yaml:30:5: n1 is replaced again, and nothing has happened since line 29`, false},
	{"two replaced at once", "power_on: [east, west]}", "replace: {node: n1}}\n  - {at: 61s, replace: {node: n2}}", `test.yaml:30:5: n1 and n2 are replaced at one moment, and a group takes one change at a time`, false},
	{"replace of the only copy", "main: {n1: east, n2: west, n3: north}\n", "main: {n1: east}\nplaybook: [{replace: {node: n1}}]\n", `n1 holds the only copy: nobody could fill the new one`, false},
	{"fresh on the unknown", "power_loss: [east, west]", "fresh: {n1: eats}", `there is no array "eats"; did you mean "east"?`, false},
	{"fresh on nothing", "power_loss: [east, west]", "fresh: {}", `fresh on nothing; want all, or {n1: spare}`, true},
	{"fresh of some", "power_loss: [east, west]", "fresh: some", `found the text "some"; want all, or`, true},
	{"merge of what", "power_loss: [east, west]", "merge: fresh", `test.yaml:28:5: there is nothing fresh to merge; add a step before it: fresh: all`, false},
	{"fresh twice", "seed: 7", "playbook: [{fresh: all}, {fresh: all}]", `test.yaml:4:26: the mailboxes are fresh already; add merge: fresh before it`, false},
	{"replace while fresh", "seed: 7", "playbook: [{fresh: all}, {replace: {node: n1}}]", `replace of a group that is there for a while only`, false},
	{"recover from where", "power_loss: [east, west]", "recover: {from: n9}", `test.yaml:28:31: there is no node "n9"`, false},
	{"recover from the worst", "power_loss: [east, west]", "recover: worst", `found the text "worst"; want best, or {from: n1}`, true},
	{"recover, and then what", "power_loss: [east, west]", "recover: {then: restart}", `want one of replace`, true},
	{"playbook of nothing", "seed: 7", "playbook: []", `test.yaml:4:11: the playbook is empty; want at least one step`, true},
	{"playbook with a time", "seed: 7", "playbook: [{at: 3s, verify: all}]", `unknown key "at" in a step of the playbook`, true},
	{"playbook that breaks things", "seed: 7", "playbook: [{arm: lost-write}]", `test.yaml:4:13: a playbook has no arm: it is no operator who breaks things; put it into the timeline`, true},
	{"playbook of two at once", "seed: 7", "playbook: [{verify: all, restart: [n1]}]", `the step has 2 actions; want a step for each, one after the other`, true},
	{"playbook step of nothing", "seed: 7", "playbook: [{after: 3s}]", `the step does nothing; want wait: or an action`, true},
	{"within of an action", "seed: 7", "playbook: [{verify: all, within: 3s}]", `test.yaml:4:34: only a wait has within`, true},
	{"wait for nothing", "seed: 7", "playbook: [{wait: {}}]", `it waits for 0 things; want one of fix, fenced,`, true},
	{"wait for two things", "seed: 7", "playbook: [{wait: {fenced: 1, detected: true}}]", `it waits for 2 things`, true},
	{"wait for what is unknown", "seed: 7", "playbook: [{wait: {fence: 1}}]", `unknown key "fence" in wait; did you mean "fenced"?`, true},
	{"wait for more nodes than there are", "seed: 7", "playbook: [{wait: {fenced: 4}}]", `test.yaml:4:28: fenced >= 4 can never hold: so many nodes are not there; there are 3`, false},
	{"wait for a fix that never comes", "seed: 7", "playbook: [{wait: {fix: flush-lies}}]", `test.yaml:4:25: no step fixes "flush-lies": the wait can never end; add a step to the timeline: fix: flush-lies`, false},
	{"wait past the end", "seed: 7", "playbook: [{wait: {at: 4m}}]", `test.yaml:4:12: the wait ends at 4m, and the script is over by then; want a moment before the end, 3m`, false},
	{"wait unserved past the end", "seed: 7", "playbook: [{wait: {unserved: 3m}}]", `unserved >= 3m can never hold`, false},
	{"wait for what nobody verifies", "seed: 7", "playbook: [{wait: {verified: true}}, {verify: all}]", `test.yaml:4:12: nothing is verified: the wait can never end; add a step before it: verify: all`, false},
	{"wait for what nobody reopens", "seed: 7", "playbook: [{close_accounts: all}, {wait: {reopened: 50%}}]", `nothing is reopened: the wait can never end`, false},
	{"wait for nothing to be detected", "seed: 7", "playbook: [{wait: {detected: false}}]", `want true: nobody sees that something will not come`, true},
	{"wait for the alarm of a node", "seed: 7", "playbook: [{wait: {alarm: n1}}]", `there is no array "n1"`, true},
	{"wait without end", "seed: 7", "playbook: [{after: 2m, verify: all}, {after: 1m, verify: all}]", `test.yaml:4:11: the operator's own time (after:) is 3m in all: the playbook cannot come to its end; want less than the duration, 3m`, false},
	{"playbook fixes what is not armed", "seed: 7", "playbook: [{fix: rot}]", `fix: nothing armed is called "rot"`, false},
	{"playbook restores what is not there", "seed: 7", "playbook: [{restore: {copy: a, to: [n1]}}]", `restore: there is no copy "a" of n1`, false},
	{"expects of no playbook", "lost: 0", "playbook: done", `test.yaml:33:13: there is no playbook; add playbook:`, false},
	{"expects a playbook that ends how", "lost: 0", "playbook: ok", `want one of done, stuck, refused`, true},
	{"no stop conditions", "seed: 7", "stop: []", `test.yaml:4:7: no stop conditions; want at least one, such as {when: lost > 0}`, true},
	{"stop without a condition", "seed: 7", "stop: [{note: a}]", `a stop condition has no "when"`, true},
	{"stop at what is unknown", "seed: 7", "stop: [{when: loss > 0}]", `test.yaml:4:15: there is no quantity "loss" to stop at; did you mean "lost"?`, true},
	{"stop at no comparison", "seed: 7", "stop: [{when: lost}]", `"lost" is not a condition; want a comparison such as lost > 0`, true},
	{"stop below", "seed: 7", "stop: [{when: lost < 3}]", `"lost < 3" is not a condition`, true},
	{"stop at a count of time", "seed: 7", "stop: [{when: unserved > 30}]", `"30" is not a duration`, false},
	{"stop at once", "seed: 7", "stop: [{when: lost >= 0}]", `test.yaml:4:15: lost >= 0 holds from the start; want more than that`, false},
	{"stop at more nodes than there are", "seed: 7", "stop: [{when: fenced > 3}]", `fenced > 3 can never hold`, false},
	{"crash for ever", "power_loss: [east, west]", "crash: {arrays: [east]}", `crash has no "for"; add for: …`, true},
	{"crash for no time", "power_loss: [east, west]", "crash: {arrays: [east], for: 0s}", `0s is too short; want at least 1ms`, false},
	{"copy without a name", "power_loss: [east, west]", "copy: {of: [n1]}", `copy has no "name"`, true},
	{"copy of an array", "power_loss: [east, west]", "copy: {name: a, of: [east]}", `there is no node "east"`, true},
	{"restore of no copy", "power_loss: [east, west]", "restore: {copy: nightly, to: [n1]}", `test.yaml:28:5: restore: there is no copy "nightly" of n1 at 1m; add a step before it: copy: {name: nightly, of: [n1]}`, false},
	{"restore under a program", "power_loss: [east, west]}", "copy: {name: a, of: [n1]}}\n  - {at: 61s, restore: {copy: a, to: [n1]}}", `test.yaml:29:5: restore: node n1 is running at 1m1s; add a step before it: kill: [n1]`, false},
	{"promote without a mirror", "power_loss: [east, west]", "promote: [east]", `test.yaml:28:25: array east has no mirror to promote; add mirrored: true`, false},
	{"proof of what is not armed", "seed: 7", "proves: lost-write", `test.yaml:4:9: no step arms "lost-write", which the scenario is to prove; add a step: arm: lost-write`, false},
	{"proof of two", "seed: 7", "proves: [a, b]", `found a list; want the ID of a bug`, true},
	{"alarms of a node", "lost: 0", "alarms: [n1]", `there is no array "n1"`, true},
	{"down unknown", "lost: 0", "down: [n7]", `there is no node "n7"`, false},
	{"scrub that no step makes", "lost: 0", "scrub: {east: 0}", `test.yaml:33:11: no step scrubs east; add a step: scrub: [east]`, false},
	{"scrubs of nothing", "lost: 0", "scrub: {}", `no arrays are named; want at least one`, true},
	{"unavailable for a number", "lost: 0", "unavailable_for: 20", `"20" is not a comparison; want a comparison with a time`, true},
	{"latency without a comparison", "lost: 0", "latency: 1s", `"1s" is not a comparison; want a comparison with a time, such as ">=20s"`, true},
	{"fenced unknown", "lost: 0", "fenced: [n7]", `there is no node "n7"`, false},
	{"detected unknown", "lost: 0", "detected: [rot]", `there is no armed bug "rot"; want one of flush-lies`, false},
	{"no such check", "lost: 0", "checks: {D7: pass}", `no such check "D7"; did you mean`, true},
	{"no such verdict", "lost: 0", "checks: {D1: passed}", `want one of pass, fail, unknown`, true},
	{"number without source", "seed: 7", "numbers: {a: {value: 7}}", `a number has no "source"`, true},
	{"number from nowhere", "seed: 7", "numbers: {a: {value: 7, source: a friend}}", `want the address of the page that says so, or "picked"`, true},
	{"bug without id", "seed: 7", "bugs: [{effect: {ops: [read], reply: EIO}}]", `test.yaml:4:8: `, true},
	{"bug that is wrong inside", "seed: 7", "bugs:\n  - id: a\n    effct: {}", `test.yaml:6:5: `, false},
	{"bug twice", "seed: 7", "bugs: [" + bugA + ", " + bugA + "]", `bug "a" is defined twice`, false},
	{"bug of the catalogue", "seed: 7", "bugs: [" + strings.Replace(bugA, "id: a", "id: flush-lies", 1) + "]", `the catalogue has a bug "flush-lies" already`, false},
	{"no such bug", "arm: flush-lies", "arm: flush-lie", `test.yaml:27:20: there is no bug "flush-lie"; did you mean "flush-lies"?`, false},
	{"nothing like a bug", "arm: flush-lies", "arm: gremlins", "there is no bug \"gremlins\"; `fourdays bugs` lists the catalogue", false},
	{"anchor", "seed: 7", "seed: &a 7", `test.yaml:4:7: anchor &a; scenarios have no anchors`, false},
	{"alias", "seed: 7", "seed: *a", `not YAML: unknown anchor 'a' referenced`, false},
	{"tag", "seed: 7", "seed: !!str 7", `test.yaml:4:7: tag !!str; scenarios have no tags`, true},
	{"merge key", "seed: 7", "<<: {seed: 7}", `unknown key "<<" in the scenario`, true},
	{"tab", "seed: 7", "\tseed: 7", `test.yaml:3:1: not YAML: found a tab character`, false},
	{"open bracket", "virgilio.example]", "virgilio.example", `not YAML: did not find expected`, false},
	{"second document", "seed: 7", "seed: 7\n---\nname: b", `a second document starts here`, true},
	{"not text", "seed: 7", "seed: 7\x00", `test.yaml:4:8: byte 0x00 is not text; want UTF-8`, false},
	{"not UTF-8", "seed: 7", "seed: \xff", `test.yaml:4:7: byte 0xff is not text; want UTF-8`, false},
}

// TestEveryMistakeIsNamedWithItsPlace edits one thing of the example at a time.
func TestEveryMistakeIsNamedWithItsPlace(t *testing.T) {
	example := string(read(t, "testdata/example.yaml"))
	for _, c := range invalid {
		t.Run(c.name, func(t *testing.T) {
			require.Contains(t, example, c.from)
			_, err := Parse("test.yaml", []byte(strings.Replace(example, c.from, c.to, 1)))
			require.Error(t, err)
			require.Contains(t, err.Error(), c.want)
			require.Regexp(t, `^test\.yaml:\d+:\d+: `, err.Error())
		})
	}
}

// TestAllMistakesComeAtOnceInOrder makes three, in two parts of the file.
func TestAllMistakesComeAtOnceInOrder(t *testing.T) {
	src := strings.NewReplacer("seed: 7", "sed: 7", "at: 30s", "at: -30s", "lost: 0", "lots: 0").
		Replace(string(read(t, "testdata/example.yaml")))
	_, err := Parse("test.yaml", []byte(src))
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, 3)
	require.Contains(t, lines[0], "test.yaml:4:1")
	require.Contains(t, lines[1], "test.yaml:27:10")
	require.Contains(t, lines[2], "test.yaml:33:3")
}

func TestWholeFilesThatAreRefused(t *testing.T) {
	bomb := "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n"
	for name, c := range map[string]struct{ src, want string }{
		"empty":         {"", "the file is empty"},
		"comments only": {"# nothing\n", "the file is empty"},
		"a list":        {"[1, 2]", "f:1:1: the scenario is a list; want a mapping"},
		"a word":        {"hello", `f:1:1: the scenario is the text "hello"`},
		"alias bomb":    {bomb, "f:1:4: anchor &a; scenarios have no anchors"},
		"alias alone":   {"a: 1\nb: {c: &x 1, d: *x}", "anchor &x"},
		"deep":          {strings.Repeat("[", 200) + strings.Repeat("]", 200), "nested too deeply; want at most 32 levels"},
		"very deep":     {strings.Repeat("[", 100_000), "not YAML: exceeded max depth"},
		"wide":          {"a: [" + strings.Repeat("1,", 60_000) + "1]", "too many values"},
		"huge":          {strings.Repeat("#", MaxSize+1), "the file is larger than 1 MiB"},
	} {
		_, err := Parse("f", []byte(c.src))
		require.ErrorContains(t, err, c.want, name)
		require.Less(t, len(err.Error()), 4000, name)
	}
}
