package workload

import (
	"fourdays/harness/hist"
)

// AuditPlan lists the questions of the final audit: every account on every
// node through the admin face, and of a seeded sample of accounts every
// mailbox with its messages through IMAP, each from another node.
func AuditPlan(seed uint64, accounts, mailboxes, nodes []string, sample int) []*hist.Op {
	var ops []*hist.Op
	for _, node := range nodes {
		for _, account := range accounts {
			ops = append(ops, &hist.Op{Kind: hist.Audit, By: "audit", Node: node, Account: account})
		}
	}
	chosen := stream(seed, "workload/audit").Perm(len(accounts))
	for i, a := range chosen[:min(max(sample, 0), len(chosen))] {
		for j, mailbox := range mailboxes {
			ops = append(ops, &hist.Op{
				Kind: hist.Read, By: "audit", Node: nodes[(i+j)%len(nodes)], Account: accounts[a], Mailbox: mailbox, Bodies: true,
			})
		}
	}
	return ops
}

// Audit asks the questions of AuditPlan about INBOX and Folders, at most window
// at a time, and then calls done with the number of those that were not
// answered. A question that fails is asked again twice.
func (e *Engine) Audit(sample, window int, done func(unanswered int)) {
	unanswered := 0
	var jobs []job
	for _, op := range AuditPlan(e.cfg.Seed, e.cfg.Accounts, boxNames, e.cfg.Nodes, sample) {
		if op.Kind == hist.Audit && e.cfg.NoAdmin {
			continue
		}
		op.TimeoutUS = e.cfg.AuditTimeout.Microseconds()
		op.Try = 1
		jobs = append(jobs, job{op, func(answer *hist.Op) *hist.Op {
			if answer.Outcome == hist.OK {
				return nil
			}
			if answer.Try >= 3 {
				unanswered++
				return nil
			}
			again := *op
			again.Try = answer.Try + 1
			return &again
		}})
	}
	e.work(jobs, window, func() { done(unanswered) })
}
