package main

import "golang.org/x/sys/unix"

// clockKept is what the kernel says of its clock (adjtimex(2)): whether a program such as
// chrony or systemd-timesyncd tells it that it keeps it. It is asked, not set.
func clockKept() string {
	var now unix.Timex
	state, err := unix.Adjtimex(&now)
	switch {
	case err != nil:
		return "whether NTP keeps it is not known"
	case state == unix.TIME_ERROR || now.Status&unix.STA_UNSYNC != 0:
		return "the kernel does not say that NTP keeps it"
	}
	return "the kernel says that NTP keeps it"
}
