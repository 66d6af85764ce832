package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// processCPU is the processor time that a running process has used, to the
// nanosecond: of its clock, not of /proc, which counts hundredths of a second
// (clock_getcpuclockid(3)).
func processCPU(pid int) (time.Duration, error) {
	const whole = 2 // of CPUCLOCK_PROF, VIRT and SCHED the last
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|whole), &ts); err != nil {
		return 0, fmt.Errorf("processor time of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// resident is the memory of a running process, in bytes (VmRSS of proc(5)).
func resident(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	var kib int64
	if _, err := fmt.Sscan(after, &kib); err != nil {
		return 0, fmt.Errorf("memory of process %d: %w", pid, err)
	}
	return kib << 10, nil
}
