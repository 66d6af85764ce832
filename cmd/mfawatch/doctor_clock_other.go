//go:build !linux

package main

// clockKept is not known where the system tells it to administrators only.
func clockKept() string { return "whether NTP keeps it is not known" }
