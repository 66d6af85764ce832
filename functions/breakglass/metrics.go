package main

import "mfawatch/functions/metrics"

type measures []metrics.Value

// add counts.
func (m *measures) add(name string, n int) { *m = append(*m, metrics.Count(name, n)) }

// measure writes metrics. One that is lost is no reason to refuse anybody.
func (h *Handler) measure(m measures) {
	if len(m) > 0 {
		_, _ = h.Metrics.Write(metrics.Line(h.Now(), m, metrics.Function("breakglass")))
	}
}
