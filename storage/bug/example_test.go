package bug_test

import "strings"

// validTriggers, validEffects, and so on are one bug for each thing that the
// language can say. The fuzzer starts from them, and the schema has to take them.
var validTriggers = map[string]string{
	"count":         `{count: files, at: 1000}`,
	"every":         `{count: power_on_hours, at: 320, every: 256}`,
	"names":         `{count: names, at: 99998}`,
	"power losses":  `{any: [{count: power_losses, at: 3}, {count: power_cycles, at: 320, every: 256}]}`,
	"level":         `{level: fill, above: 0.9}`,
	"below":         `{level: inodes, below: 0.1}`,
	"dirty":         `{all: [{level: dirty, above: 0.75}, {level: queue, above: 1}]}`,
	"event":         `{event: power_cycle}`,
	"told event":    `{event: node_replace}`,
	"match":         `{match: {ops: [write, fsync], path: "*.mem", min: 1, max: 4096}}`,
	"match flags":   `{match: {ops: [write], flags: [direct, append, sequential], aligned: 4096}}`,
	"match open":    `{match: {ops: [open, write], flags: [create], older_than: 0s}}`,
	"match age":     `{match: {ops: [read], older_than: 1008h}}`,
	"overlap":       `{overlap: [write, read], within: 5s}`,
	"overlap event": `{overlap: [dedupe, write], within: 1m}`,
	"chance":        `{chance: 0.001}`,
	"chance small":  `{chance: 1e-17, per: byte}`,
	"chance hour":   `{chance: 1, per: drive_hour}`,
	"time":          `{time: 72h}`,
	"time zero":     `{time: 0s}`,
	"window":        `{time: 1h30m, until: 2h}`,
	"all":           `{all: [{event: failover}, {chance: 1}]}`,
	"any":           `{any: [{time: 1s}, {count: ops, at: 5}]}`,
	"arm fire":      `{arm: {count: power_on_hours, at: 70000}, fire: {event: power_cycle}}`,
	"nested":        `{arm: {all: [{event: a}, {any: [{event: b}, {event: c}]}]}, fire: {chance: 0.5}}`,
}

var validEffects = map[string]string{
	"hang":      `{ops: [open, read, write, truncate, fsync, fsyncdir, close, stat, readdir, mkdir, rmdir, unlink, rename, statfs], reply: never}`,
	"errno":     `{ops: [read], reply: EIO}`,
	"lie":       `{ops: [fsync, fsyncdir], persist: no, lost_at: [power_loss, failover, node_power_loss, eviction]}`,
	"fsyncgate": `{ops: [fsync], reply: EIO, persist: no, lost_at: [eviction]}`,
	"late":      `{ops: [fsync], persist: late(700ms)}`,
	"torn":      `{ops: [write], persist: partial(512)}`,
	"elsewhere": `{ops: [write], persist: elsewhere}`,
	"behind":    `{ops: [write], persist: behind}`,
	"zero":      `{ops: [read], data: zero}`,
	"old":       `{ops: [read], data: old(1)}`,
	"other":     `{ops: [read], data: other}`,
	"flip":      `{ops: [read, write], data: flip(3)}`,
	"cut":       `{ops: [read], data: cut(512)}`,
	"delay":     `{ops: [read, write], delay: 20ms..2s}`,
	"delay 0":   `{ops: [read], delay: 0s..2s}`,
	"delayed":   `{ops: [read], delay: 1s, data: zero}`,
	"slow":      `{ops: [read], slow: 5..10}`,
	"slow by":   `{ops: [read], slow: 2.5, delay: 1ms, reply: EIO}`,
	"slow much": `{ops: [read], slow: 1..1e+06}`,
	"rollback":  `{action: rollback, to: 30s}`,
	"to arming": `{action: rollback}`,
	"zero all":  `{action: zero}`,
	"zero some": `{action: zero, bytes: 512..8192}`,
	"zero one":  `{ops: [unlink], action: zero, bytes: 512}`,
	"drop":      `{action: drop_entries, part: 0.02}`,
	"hide":      `{ops: [open], reply: ENOSPC, action: hide_entries, part: 0.9}`,
	"resurrect": `{action: resurrect, part: 1}`,
	"alias":     `{action: alias}`,
	"resize":    `{action: resize, size: 8000000}`,
	"wipe":      `{action: wipe}`,
	"offline":   `{action: offline}`,
	"readonly":  `{action: readonly}`,
}

// validRests are the rest of a bug from its effect on.
var validRests = map[string]string{
	"defaults":     "effect: {ops: [read], reply: EIO}\npersistence: once",
	"drawn":        "trigger: {all: [{any: [{event: a}, {overlap: [b, write], within: 1s}]}, {arm: {time: 1s}, fire: {chance: 0.5}}]}\neffect: {action: offline}\npersistence: once",
	"drawn hourly": "trigger: {chance: 0.5, per: drive_hour}\neffect: {action: offline}\npersistence: once",
	"drawn on ops": "trigger: {chance: 0.5}\neffect: {ops: [read], action: offline}\npersistence: once",
	"crash":        "effect: {action: crash, for: 5m..10m}\nscope: {extent: controller}\npersistence: once",
	"crash fixed":  "effect: {action: crash, for: 5m}\nscope: {extent: array}\npersistence: once",
	"takeover":     "effect: {ops: [takeover], reply: never}\nplane: control\nscope: {extent: array}\npersistence: until_fix",
	"power on":     "plane: control\neffect: {ops: [takeover, power_on], delay: 15m}\nscope: {extent: system}\npersistence: once",
	"copy":         "plane: derived\neffect: {ops: [copy], persist: no}\npersistence: until_fix\nshows: {to: [user], reboot: stays, correlated: copies}",
	"copies":       "effect: {ops: [copy, restore], data: old(1)}\nplane: derived\npersistence: transient",
	"restore":      "effect: {ops: [restore], reply: EIO}\nplane: derived\npersistence: permanent",
	"mirror":       "effect: {ops: [mirror], persist: no}\nplane: link\npersistence: until_fix",
	"mirrored":     "effect: {ops: [mirror], data: flip(2)}\nplane: link\npersistence: until_fix",
	"space":        "effect: {ops: [space], data: zero}\nplane: report\npersistence: until_fix",
	"alarm":        "effect: {ops: [alarm], reply: never}\nplane: report\nscope: {extent: array}\npersistence: until_fix",
	"retry":        "effect: {ops: [read], data: zero}\nscope: {extent: block}\npersistence: transient(0.995)",
	"retry surely": "effect: {ops: [read], data: zero}\nscope: {extent: block}\npersistence: transient(1)",
	"retry hardly": "effect: {ops: [read], data: zero}\npersistence: transient(1e-17)",
	"comes back":   "effect: {ops: [read, write], reply: never}\nscope: {extent: device}\npersistence: until_reboot(1h)\nshows: {to: [caller], reboot: returns}",
	"reboot":       "effect: {ops: [read, write], slow: 10}\nscope: {extent: controller, population: {controller: 1}}\npersistence: until_reboot",
	"same address": "effect: {ops: [read], data: zero}\nscope: {extent: chunk, population: {os: 'acme/<1.2', same_address: true}}\npersistence: permanent\nshows: {to: [checksum, user], reboot: stays, correlated: address}",
	"directory":    "effect: {ops: [open], reply: ENOSPC, action: hide_entries, part: 1}\nscope: {extent: directory}\npersistence: permanent",
	"drive":        "effect: {action: wipe}\nscope: {extent: device, population: {os: '<HPD8'}}\npersistence: permanent",
	"generic":      "effect: {ops: [write], persist: no}\nevidence: {label: generic, picked: [trigger, ops]}\npersistence: once",
	"class":        "effect: {action: offline}\nclass: availability\noperator: {sees: nothing, clears: 'no', worsens: 'a # b'}\npersistence: once",
	"nobody":       "effect: {ops: [write], persist: no}\npersistence: once\nshows: {to: [], reboot: stays}",
}

// validBursts are triggers of a bug that hits places.
var validBursts = map[string]string{
	"burst":     `{chance: 3e-6, per: drive_hour, burst: 50, near: 10485760}`,
	"burst far": `{chance: 0.5, burst: 1}`,
}

// examples are all valid bugs, by name.
func examples() map[string]string {
	all := map[string]string{"full": full}
	for name, t := range validTriggers {
		all["trigger "+name] = withTrigger(t)
	}
	for name, e := range validEffects {
		all["effect "+name] = withEffect(e)
	}
	for name, r := range validRests {
		if !strings.HasPrefix(r, "trigger:") {
			r = "trigger: {event: arm}\n" + r
		}
		all["rest "+name] = "id: x\n" + r + "\n"
	}
	for name, t := range validBursts {
		all["burst "+name] = withTrigger(t) + "scope: {extent: sector}\n"
	}
	return all
}

func withTrigger(t string) string {
	return "id: x\ntrigger: " + t + "\neffect: {ops: [read], reply: EIO}\npersistence: permanent\n"
}

func withEffect(e string) string {
	return "id: x\ntrigger: {event: arm}\neffect: " + e + "\npersistence: permanent\n"
}

// full says something at every key that goes together.
const full = `
# yaml-language-server: $schema=schema.json
id: netapp-70000
title: "Drives: keep working # past 70,000 hours"
class: hidden-limit
operator: {sees: "Nothing, until a shelf is power-cycled.", clears: Nothing., worsens: Any power cycle.}
evidence: {label: read, confidence: high, product: "X, 2022", url: lenovonetapp.com/su448.html, note: "a \"note\"\nof two lines", sourced: [at, event], picked: [extent]}
trigger:
  arm:  {count: power_on_hours, at: 70000}
  fire: {event: power_cycle}
effect: {ops: [read, write], reply: EIO}
plane: data
scope: {extent: device, population: {os: "<NA05", array: "e*", volume: n1, store: main, controller: 0}, path: "*.mem"}
persistence: permanent
shows: {to: [caller, user], reboot: worsens, correlated: os}
`
