// Package recovery turns a history into recovery times.
//
// It owns the marks (first fault, first impact, detection, ...), the metrics
// between them, and the rules for what was not reached or cannot be known. It
// assumes a history in the order of answers on one clock, whatever its density:
// windows grow until they hold enough operations. The rules are in DESIGN.md
// beside this file.
//
// It never judges (objectives are the scenario's), and never imports a world, a
// clock, or the mail store.
package recovery

// Input is what the history does not say. Times are microseconds since the
// start of the run; nil means that it never happened, or nobody saw it.
type Input struct {
	EndUS     int64  // the horizon: the end of the run
	FaultUS   *int64 // t_f: the first fault receipt
	HealthUS  *int64 // the store's own health signal first said that something is wrong
	ProbeUS   *int64 // the harness's probe first did; nil: taken from the operations
	HealedUS  *int64 // t_m: the last fault was reverted
	AgreedUS  *int64 // t_c: all replicas were digest-equal
	AuditedUS *int64 // t_v: the final audit was finished

	// BaselineFromUS and BaselineToUS bound the baseline; both 0 means from the
	// start to the first fault.
	BaselineFromUS, BaselineToUS int64

	// WindowUS is W, 60 s when 0; Held is for how many windows steady service
	// must last, 5 when 0; MinOps is how many operations a window needs, 20
	// when 0 (picked).
	WindowUS int64
	Held     int
	MinOps   int
	// SLOUS is the latency, from the intended time, beyond which one operation
	// is a breach; 10 s when 0 (picked).
	SLOUS int64

	// Queue is the number of messages that senders hold, in order of time; nil
	// means that it is derived from the deliveries in the history.
	Queue []Depth
	// Closed are the times in which accounts were closed by the operator.
	Closed []Closure
	// Classes are the losses by class, from the oracle.
	Classes []Loss
	// Scale is how many mailboxes each simulated one stands for; 0 means 1. It
	// multiplies mailbox_hours and the curve.
	Scale float64
}

// Depth is how many messages senders hold from AtUS on.
type Depth struct {
	AtUS     int64
	Messages int
}

// Closure is one account closed from FromUS until ToUS; ToUS < 0 means until
// the end.
type Closure struct {
	Account      string
	FromUS, ToUS int64
}

// Loss is what the oracle found lost of one class: "message", "flag" or
// "mailbox".
type Loss struct {
	Class        string
	Acknowledged int
	Lost         int
	Unread       int
	OldestLostUS int64
}

// Recovery is the marks and metrics of one run, in milliseconds. A null is
// unknown or never; Censored tells which of the two.
type Recovery struct {
	FaultMS    *int64 `json:"t_f_ms"`
	ImpactMS   *int64 `json:"t_i_ms"`
	DetectMS   *int64 `json:"t_d_ms"`
	HealthMS   *int64 `json:"t_d_health_ms"`
	ProbeMS    *int64 `json:"t_d_probe_ms"`
	HealedMS   *int64 `json:"t_m_ms"`
	AckMS      *int64 `json:"t_a_ms"`
	SteadyMS   *int64 `json:"t_s_ms"`
	AgreedMS   *int64 `json:"t_c_ms"`
	BacklogMS  *int64 `json:"t_b_ms"`
	VerifiedMS *int64 `json:"t_v_ms"`

	TTDMS       *int64 `json:"ttd_ms"`        // t_d - t_i
	TTDHealthMS *int64 `json:"ttd_health_ms"` // by the store's own signal
	RTAMS       *int64 `json:"rta_ms"`        // t_s - t_i
	ReconvergMS *int64 `json:"reconverge_ms"` // t_c - t_m
	DrainMS     *int64 `json:"drain_ms"`      // t_b - t_s
	EndToEndMS  *int64 `json:"end_to_end_ms"` // t_b - t_i
	VerifyMS    *int64 `json:"verify_ms"`     // t_v - t_b
	RPA         RPA    `json:"rpa"`

	MailboxHours *float64 `json:"mailbox_hours"`
	Reopened     []Point  `json:"reopened"`
	T50MS        *int64   `json:"reopened_t50_ms"` // since t_i
	T90MS        *int64   `json:"reopened_t90_ms"`
	T99MS        *int64   `json:"reopened_t99_ms"`
	T100MS       *int64   `json:"reopened_t100_ms"`
	// Reclosed are the times in which what had been reopened was closed again.
	Reclosed    []Reclosed `json:"reclosed"`
	Unavailable float64    `json:"unavailable_mailboxes"` // that were unavailable at some time
	Delay       Delay      `json:"delivery_delay"`
	// PeakBacklog is the most messages that senders held at one time, of those
	// simulated; nil in records from before it was counted.
	PeakBacklog *int `json:"peak_backlog"`

	// Censored are the values that were not reached before the horizon: each is
	// more than OverMS.
	Censored []Censor `json:"censored"`
	// Notes say how a figure was come by where the rule had to bend.
	Notes []string `json:"notes"`
}

// RPA is, per class, how long before the fault the oldest lost promise had been
// given; 0 is no loss, null is not known.
type RPA struct {
	MessageMS *int64 `json:"message_ms"`
	FlagMS    *int64 `json:"flag_ms"`
	MailboxMS *int64 `json:"mailbox_ms"`
}

// Point is a step of the curve of reopened mailboxes: from AtMS on, Mailboxes
// of those that had been unavailable are back.
type Point struct {
	AtMS      int64   `json:"at_ms"`
	Mailboxes float64 `json:"mailboxes"`
}

// Delay is the distribution of acknowledged minus intended time over all
// messages and recipients that did not bounce. A message still waiting at the
// end, or in the spool, is longer than any other.
type Delay struct {
	Delivered int    `json:"delivered"`
	Waiting   int    `json:"waiting"`
	Spooled   int    `json:"spooled"` // accepted by the provider's exchangers and not passed on
	Bounced   int    `json:"bounced"`
	P50MS     *int64 `json:"p50_ms"`
	P90MS     *int64 `json:"p90_ms"`
	P99MS     *int64 `json:"p99_ms"`
	P999MS    *int64 `json:"p999_ms"`
	MaxMS     *int64 `json:"max_ms"`
}

// Censor says that the value Name is more than OverMS.
type Censor struct {
	Name   string `json:"name"`
	OverMS int64  `json:"over_ms"`
}

// At is a known time.
func At(us int64) *int64 { return &us }
