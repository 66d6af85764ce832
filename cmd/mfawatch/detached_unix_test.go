//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// detached takes the terminal of who runs the tests from a program: it would be asked
// there, and wait.
func detached(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
