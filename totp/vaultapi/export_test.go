package vaultapi

import (
	"context"
	"net/http"
	"slices"
)

// Bounded is the HTTP server of a handler.
func Bounded(h http.Handler) *http.Server { return h.(*handler).bounded(context.Background()) }

// Routes are the names of all routes, sorted.
func Routes() []string {
	var all []string
	for _, methods := range routes {
		for _, r := range methods {
			all = append(all, r.name)
		}
	}
	slices.Sort(all)
	return all
}
