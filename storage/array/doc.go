// Package array simulates a vendor's storage arrays and the volumes on them.
//
// It owns controllers with their queues, capacity, power and OS version, the
// images of every volume, its copies and its mirror, and what the armed bugs do
// to all of that. Of each volume it keeps what is seen (what reads return) and
// what is acknowledged (what fsync promised), both twice: as a correct array
// would hold them (the truth) and as this one does. The two are the same object
// until a fault makes them differ, so truth stays pristine and every difference
// can be listed and explained.
//
// It assumes a clock that calls back, one seed, and callers that follow package
// vol; ASSUMPTIONS.md says what else. Do may be called concurrently; answers
// are given without any lock held. It never reads the real clock, starts no
// goroutine, and imports neither a world nor a mail store.
//
// # Use
//
//	fleet, err := array.New(clock, seed, array.Config{
//		Arrays:  map[string]array.ArrayConfig{"east": array.Picked()},
//		Volumes: map[string]array.VolumeConfig{"n1": {Array: "east", Store: "main"}},
//	})
//	v := fleet.Volume("n1")            // a vol.Volume and a vol.Machine
//	b, _ := catalog.Get("flush-lies")
//	rule, err := fleet.Arm(b, bug.Scope{Population: bug.Population{OS: "acme/*"}})
//	fleet.PowerLoss("east")            // the array; v.PowerLoss() is the node
//	fleet.PowerOn("east")
//	fleet.Crash("east", time.Hour)     // the active controller; Failover is the operator's
//	fleet.Copy("n1", "nightly")        // and Restore
//	fleet.Promote("east")              // the other site, if the array is mirrored
//	found, err := fleet.Scrub("east")  // blocks that are not what their checksums say
//	for _, a := range fleet.Alarms() { … }
//	fleet.Fix("flush-lies")            // the vendor's fix; hung operations go on
//	fleet.Disarm(rule.ID)              // the harness takes one rule away
//	for _, r := range fleet.Receipts() { … }
//	for _, d := range v.Audit() { … }  // where what is stored is not what should be
package array
