package bug

// bugForm is the description of a whole bug. What ops are called depends on the
// plane, so their words stand apart from the bug.
func bugForm(b *Bug, ops *[]string) mapping {
	return mapping{"a bug", []field{
		must("id", "Lower case letters, digits and single dashes; the file is named after it.", id(&b.ID)),
		may("title", "What happens, in one line.", text(&b.Title)),
		may("class", "What kind of trouble it is.", word(&b.Class, classes)),
		may("operator", "What the people on duty would know.", operatorForm(&b.Operator)),
		may("evidence", "Where it is known from.", evidenceForm(&b.Evidence)),
		must("trigger", "When it happens.", triggerCodec{&b.Trigger}),
		must("effect", "What it does.", effectForm(&b.Effect, ops)),
		may("plane", "The part of the storage that it is in; data if left out.", word(&b.Plane, planes)),
		may("scope", "Where it is.", scopeForm(&b.Scope)),
		must("persistence", "For how long a trigger that has fired keeps the effect on.", persistence(&b.Persistence, &b.RetryOK, &b.Returns)),
		may("shows", "How it is seen from outside.", showsForm(&b.Shows)),
	}}
}

func id(to *string) scalar {
	return scalar{want: "has to be lower case letters, digits and single dashes, at most 64",
		form: object{"type": "string", "pattern": idForm.String(), "maxLength": maxID},
		set:  func(s string) bool { *to = s; return isID(s) },
		show: func() string { return quoted(*to) }}
}

func operatorForm(o *Operator) mapping {
	return mapping{"operator", []field{
		may("sees", "What it looks like from outside.", text(&o.Sees)),
		may("clears", "What ends it.", text(&o.Clears)),
		may("worsens", "What makes it worse.", text(&o.Worsens)),
	}}
}

func evidenceForm(e *Evidence) mapping {
	return mapping{"evidence", []field{
		must("label", "read in a public page, taken from notes that quote it, remembered, or generic: a plain fault.", word(&e.Label, labels)),
		may("confidence", "How sure we are that it was so.", word(&e.Confidence, confidences)),
		may("product", "What had it, and when.", text(&e.Product)),
		may("url", "The page.", text(&e.URL)),
		may("note", "What differs from the source, and what is ours.", text(&e.Note)),
		may("sourced", "The keys whose values are from the source.", textList(&e.Sourced)),
		may("picked", "The keys whose values are ours.", textList(&e.Picked)),
	}}
}

func effectForm(e *Effect, ops *[]string) mapping {
	return mapping{"effect", []field{
		may("ops", "Operations by the names of system calls; in other planes than data, acts.", opsCodec(ops)),
		may("reply", "The answer.", reply(&e.Reply)),
		may("data", "Of reads what is returned, of writes what is stored.", change(&e.Data)),
		may("persist", "What becomes of a write, or of what a flush promises.", persist(&e.Persist)),
		may("delay", "Added to an operation.", delay(&e.Delay)),
		may("slow", "A factor for the time that an operation takes.", slow(&e.Slow)),
		may("lost_at", "When what a flush lied about is gone; power_loss and failover if left out.", words(&e.LostAt, lossEvents)),
		may("action", "What happens to the volume, or to the place that fired.", word(&e.Action, actions)),
		may("to", "rollback: how far before it fires; the moment of arming if left out.", duration(&e.To)),
		may("part", "drop_entries, hide_entries, resurrect: the share of the names.", share(&e.Part)),
		may("bytes", "zero: how much, at a random address; everything if left out.", byteSpan(&e.Bytes)),
		may("size", "resize: the bytes that are left.", number(&e.Size, 1, maxBytes)),
		may("for", "crash: how long the controller is away.", delay(&e.For)),
	}}
}

// opsCodec keeps the words; ParseNode resolves them when the plane is known.
func opsCodec(to *[]string) codec {
	all := append(kindNames(kinds), texts(acts)...)
	return list[string]{to: to, filled: true, unique: true, each: func(s *string) codec {
		w := word(s, all)
		w.set = func(v string) bool { *s = v; return true }
		return w
	}}
}

// opsWords are the words that ops is printed with.
func opsWords(b *Bug) []string { return append(kindNames(b.Effect.Ops), texts(b.Effect.Acts)...) }

func scopeForm(s *Scope) mapping {
	return mapping{"scope", []field{
		may("extent", "What shares one trigger, and how far the effect reaches; volume if left out.", word(&s.Extent, extents)),
		may("population", "Who has it; everybody if left out.", populationForm(&s.Population)),
		may("path", "Which files; a glob, of the last element if it has no slash.", text(&s.Path)),
	}}
}

func populationForm(p *Population) mapping {
	return mapping{"population", []field{
		may("os", "A glob (acme/*) or a comparison (acme/<1.2, <NA05).", text(&p.OS)),
		may("array", "A glob.", text(&p.Array)),
		may("volume", "A glob.", text(&p.Volume)),
		may("store", "A glob.", text(&p.Store)),
		may("controller", "Only while this one is active, counted from 0.", controller(&p.Controller)),
		may("same_address", "A place that fires is hit on every volume in scope.", flag(&p.SameAddress)),
	}}
}

func showsForm(s *Shows) mapping {
	return mapping{"shows", []field{
		may("to", "Who notices; nobody if empty.", words(&s.To, observers)),
		may("reboot", "What a power cycle of the array does about it.", word(&s.Reboot, reboots)),
		may("correlated", "What is hit together.", word(&s.Correlated, correlations)),
	}}
}

// matchForm is the description of what a match trigger matches.
func matchForm(m *Match) mapping {
	return mapping{"match", []field{
		must("ops", "The operations.", kindList(&m.Ops)),
		may("path", "Which files; a glob, of the last element if it has no slash.", text(&m.Path)),
		may("flags", "How they are made; all of these.", words(&m.Flags, flags)),
		may("min", "The least size in bytes.", number(&m.Min, 1, maxBytes)),
		may("max", "The greatest size in bytes.", number(&m.Max, 1, maxBytes)),
		may("aligned", "Both ends are at multiples of so many bytes.", number(&m.Aligned, 1, maxUnit)),
		may("older_than", "The file was last written so long ago.", duration(&m.OlderThan)),
	}}
}
