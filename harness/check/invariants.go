package check

// invariant is the index of a check.
type invariant int

const (
	checkD1 invariant = iota
	checkD2
	checkD3
	checkD4
	checkD5
	checkD6
	checkD8
	checkD9
	checkI1
	checkI2
	checkI3
	checkI4
	checkI6
	checkI8
	checkR1
	checkR2
	checkR3
	checkH1
)

// invariants are the checks in the order of the report.
var invariants = [...]struct{ name, title, source string }{
	checkD1: {"D1", "an acknowledged message is there until its owner removes it", "RFC 5321 §2.1, §6.1"},
	checkD2: {"D2", "the promise is made and kept for each recipient alone", "RFC 2033 §4.2"},
	checkD3: {"D3", "an attempt leaves at most one copy", "RFC 5321 §4.5.3.2.6, §6.1"},
	checkD4: {"D4", "a message is delivered or bounced, never neither, never both", "RFC 5321 §2.1, §6.1"},
	checkD5: {"D5", "storage trouble is answered 4yz, never 5yz", "RFC 5321 §4.2.1"},
	checkD6: {"D6", "OK to APPEND, COPY and MOVE means there; NO means unchanged", "RFC 9051 §6.3.12, §6.4.7"},
	checkD8: {"D8", "acknowledged flag changes survive", "RFC 9051 §2.3.2"},
	checkD9: {"D9", "unavailable is never shown as empty or missing", "RFC 9051 §7.1, RFC 5530 §3"},
	checkI1: {"I1", "UIDs ascend, are never used twice, and removed messages stay removed", "RFC 9051 §2.3.1.1"},
	checkI2: {"I2", "a UID is one message that never changes", "RFC 9051 §2.3.1.1"},
	checkI3: {"I3", "UIDVALIDITY only rises", "RFC 9051 §2.3.1.1"},
	checkI4: {"I4", "no UID is below a UIDNEXT shown earlier", "RFC 9051 §2.3.1.1"},
	checkI6: {"I6", "sequence numbers are 1 to n in the order of UIDs", "RFC 9051 §2.3.1.2"},
	checkI8: {"I8", "what is stored is what was sent, on every replica", "content digest at ingest"},
	checkR1: {"R1", "after quiescence all replicas are equal", "equal digests prove convergence"},
	checkR2: {"R2", "no index entry is without its body", "index and body of one message"},
	checkR3: {"R3", "a message is only in its recipients' mailboxes", "RFC 5321 §2.1"},
	checkH1: {"H1", "every planned fault fired, and was taken back", "the harness itself"},
}
