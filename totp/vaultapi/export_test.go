package vaultapi

import "slices"

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
