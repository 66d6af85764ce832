//go:build !linux

package main

import (
	"errors"
	"time"
)

var errLinux = errors.New("the functions are measured on Linux only: run with -only scan")

func processCPU(int) (time.Duration, error) { return 0, errLinux }

func resident(int) (int64, error) { return 0, errLinux }
