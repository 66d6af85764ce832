package keyring

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mfawatch/totp/ledger"
)

// floorKey is the row that says when the ledger was last lost or restored.
const floorKey = "floor"

// Restored says that the ledger was put back from a backup, or begins anew beside keys
// that were in use: no code of before is given or accepted from then on. The floor
// only rises.
func Restored(ctx context.Context, s ledger.Store, now time.Time) error {
	return s.Update(ctx, floorKey, func(old []byte) ([]byte, error) {
		floor, err := readFloor(old)
		if err != nil || floor.After(now) {
			return old, err
		}
		return []byte(now.UTC().Format(time.RFC3339)), nil
	})
}

// ClockWasWrong takes back a floor that is later than now: a clock that was ahead set it.
func ClockWasWrong(ctx context.Context, s ledger.Store, now time.Time) error {
	err := s.Update(ctx, floorKey, func(old []byte) ([]byte, error) {
		floor, err := readFloor(old)
		switch {
		case err != nil:
			return nil, err
		case !floor.After(now):
			return nil, errRead
		}
		return []byte(now.UTC().Format(time.RFC3339)), nil
	})
	if errors.Is(err, errRead) {
		return nil
	}
	return err
}

// errRead ends an update that only wanted to read.
var errRead = errors.New("read")

// Floor is when the ledger was last lost or restored; zero when it never was.
func Floor(ctx context.Context, s ledger.Store) (time.Time, error) {
	var floor time.Time
	err := s.Update(ctx, floorKey, func(old []byte) ([]byte, error) {
		var err error
		if floor, err = readFloor(old); err != nil {
			return nil, err
		}
		return nil, errRead
	})
	if errors.Is(err, errRead) {
		return floor, nil
	}
	return time.Time{}, err
}

func readFloor(row []byte) (time.Time, error) {
	if len(row) == 0 {
		return time.Time{}, nil
	}
	floor, err := time.Parse(time.RFC3339, string(row))
	if err != nil {
		return time.Time{}, fmt.Errorf("ledger row %s cannot be read: restore the ledger, or remove it and begin anew", floorKey)
	}
	return floor, nil
}
