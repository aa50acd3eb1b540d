package array

import "iter"

// pageBlocks is how many blocks of a file stand together in its table. Picked: a
// table of 2 GiB without blocks is nothing, and each place that is touched in it
// costs 512 bytes.
const pageBlocks = 64

// table is the blocks of a file, nil where there is a hole. It costs what is in
// it and not what it spans, but for three words for each page below the last.
type table struct {
	n     int        // blocks it spans
	pages [][]*block // the last pages, and what is last of a page, may not be there
	pool  *pool      // of its blocks
}

// at is block i, nil for a hole and past the end.
func (t *table) at(i int) *block {
	if page := i / pageBlocks; page < len(t.pages) && i%pageBlocks < len(t.pages[page]) {
		return t.pages[page][i%pageBlocks]
	}
	return nil
}

// set makes b block i, which must lie below n.
func (t *table) set(i int, b *block) {
	if i >= t.n {
		panic("array: block past the end of its table")
	}
	if b == nil && t.at(i) == nil {
		return
	}
	b.hold()
	at := t.slot(i)
	t.pool.drop(*at)
	*at = b
}

// slot is where block i stands, made if it is not there.
func (t *table) slot(i int) **block {
	page, in := i/pageBlocks, i%pageBlocks
	if page >= len(t.pages) {
		t.pages = append(t.pages, make([][]*block, page+1-len(t.pages))...)
	}
	p := t.pages[page]
	if in >= len(p) {
		p = widened(p, in+1, page > 0)
		t.pages[page] = p
	}
	return &p[in]
}

// widened is a page with room for n blocks: at once for all if the file has many
// pages, and little by little if it is small, as most are.
func widened(p []*block, n int, whole bool) []*block {
	if n <= cap(p) {
		return p[:n]
	}
	room := min(pageBlocks, max(n, 2*len(p)))
	if whole {
		room = pageBlocks
	}
	wide := make([]*block, n, room)
	copy(wide, p)
	return wide
}

// resize makes the table span n blocks; what is cut off is dropped.
func (t *table) resize(n int) {
	if n < t.n {
		t.cut(n)
	}
	t.n = n
}

func (t *table) cut(n int) {
	full := (n + pageBlocks - 1) / pageBlocks
	if full < len(t.pages) {
		for _, p := range t.pages[full:] {
			t.forget(p)
		}
		clear(t.pages[full:])
		t.pages = t.pages[:full]
	}
	if last, in := n/pageBlocks, n%pageBlocks; last < len(t.pages) && in < len(t.pages[last]) {
		t.forget(t.pages[last][in:])
		t.pages[last] = t.pages[last][:in]
	}
}

// forget empties a part of a page.
func (t *table) forget(part []*block) {
	for _, b := range part {
		t.pool.drop(b)
	}
	clear(part)
}

// clone is another table of the same blocks, which are shared from then on.
func (t *table) clone() table {
	c := table{n: t.n, pages: make([][]*block, len(t.pages)), pool: t.pool}
	for i, p := range t.pages {
		for _, b := range p {
			b.share()
		}
		if len(p) > 0 {
			c.pages[i] = append(make([]*block, 0, len(p)), p...)
		}
	}
	return c
}

// all gives the blocks that are not holes, in rising order.
func (t *table) all() iter.Seq2[int, *block] {
	return func(yield func(int, *block) bool) {
		for k, p := range t.pages {
			for j, b := range p {
				if b != nil && !yield(k*pageBlocks+j, b) {
					return
				}
			}
		}
	}
}

// count is how many blocks in [from, to) are not holes.
func (t *table) count(from, to int) (n int64) {
	to = min(to, len(t.pages)*pageBlocks)
	for i := from; i < to; {
		p := t.pages[i/pageBlocks]
		if i%pageBlocks == 0 && len(p) == 0 {
			i += pageBlocks
			continue
		}
		if i%pageBlocks < len(p) && p[i%pageBlocks] != nil {
			n++
		}
		i++
	}
	return n
}

// sameBlocks reports whether two tables hold the same blocks.
func sameBlocks(a, b *table) bool {
	if a.n != b.n {
		return false
	}
	for i, block := range a.all() {
		if b.at(i) != block {
			return false
		}
	}
	return a.count(0, a.n) == b.count(0, b.n)
}
