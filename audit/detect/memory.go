package detect

import (
	"container/list"
	"time"
)

// maxKeys bounds how many keys one check remembers.
const maxKeys = 20_000

// memory remembers one V for a key until the key was not touched for longer
// than window, and no more than maxKeys of them: the one longest untouched goes
// first. Its clock is the stream's newest event and never goes back, so order
// stays sorted by it.
type memory[V any] struct {
	window  time.Duration
	items   map[string]*list.Element
	order   list.List // of *item[V], longest untouched first
	dropped int
	lost    time.Time // when the one dropped last had been touched
}

type item[V any] struct {
	key     string
	touched time.Time
	value   V
}

// at gives the key's value, a zero one for a new key, and touches it.
func (m *memory[V]) at(key string, now time.Time) *V {
	if v := m.find(key, now); v != nil {
		el := m.items[key]
		el.Value.(*item[V]).touched = now
		m.order.MoveToBack(el)
		return v
	}
	if m.items == nil {
		m.items = make(map[string]*list.Element)
	}
	if len(m.items) >= maxKeys {
		m.lost = m.remove(m.order.Front())
		m.dropped++
	}
	it := &item[V]{key: key, touched: now}
	m.items[key] = m.order.PushBack(it)
	return &it.value
}

// find gives the key's value, or nil.
func (m *memory[V]) find(key string, now time.Time) *V {
	for el := m.order.Front(); el != nil && now.Sub(el.Value.(*item[V]).touched) > m.window; el = m.order.Front() {
		m.remove(el)
	}
	if el := m.items[key]; el != nil {
		return &el.Value.(*item[V]).value
	}
	return nil
}

func (m *memory[V]) remove(el *list.Element) time.Time {
	it := m.order.Remove(el).(*item[V])
	delete(m.items, it.key)
	return it.touched
}
