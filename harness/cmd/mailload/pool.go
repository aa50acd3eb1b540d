package main

import "sync"

// idler is a connection that can wait in a pool.
type idler interface {
	comparable
	// rest readies it for waiting; false means it is of no more use.
	rest() bool
	// alive says whether it can be used again, as far as one knows.
	alive() bool
	hangUp()
}

// pool keeps idle connections by key, the latest used first. It has no timers:
// a connection waits until it is used, found dead, or pushed out by others.
type pool[C idler] struct {
	each, all int // how many may wait, of each key and in all

	mu   sync.Mutex
	idle []entry[C] // the longest idle first
}

type entry[C idler] struct {
	key  string
	conn C
}

// take returns an idle connection, or the zero value.
func (p *pool[C]) take(key string) C {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.idle) - 1; i >= 0; i-- {
		if p.idle[i].key != key {
			continue
		}
		c := p.idle[i].conn
		p.remove(i)
		if c.alive() {
			return c
		}
		c.hangUp()
	}
	var none C
	return none
}

func (p *pool[C]) remove(i int) { p.idle = append(p.idle[:i], p.idle[i+1:]...) }

// put lets a connection wait, and hangs up on those that are too many.
func (p *pool[C]) put(key string, c C) {
	if !c.rest() {
		c.hangUp()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, entry[C]{key, c})
	if i := p.excess(key); i >= 0 {
		p.idle[i].conn.hangUp()
		p.remove(i)
	}
}

// excess is the longest idle connection of those that are one too many, or -1.
func (p *pool[C]) excess(key string) int {
	count, first := 0, -1
	for i := range p.idle {
		if p.idle[i].key == key {
			if count++; first < 0 {
				first = i
			}
		}
	}
	switch {
	case count > p.each:
		return first
	case len(p.idle) > p.all:
		return 0
	}
	return -1
}
