package card

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"mfawatch/totp/yubikey/apdu"
)

// The applications that tell what a key is. Both continue answers with C0.
var (
	management = []byte{0xa0, 0x00, 0x00, 0x05, 0x27, 0x47, 0x11, 0x17}
	slots      = []byte{0xa0, 0x00, 0x00, 0x05, 0x27, 0x20, 0x01}
)

const (
	insMore     = 0xc0
	insInfo     = 0x1d
	insSlot     = 0x01
	slotSerial  = 0x10
	tagSerial   = 0x02
	tagForm     = 0x04
	tagFirmware = 0x05
	formFIPS    = 0x80
	formMask    = 0x0f
)

// Info is what a key says of itself.
type Info struct {
	Serial   uint32 // 0 is a key that does not tell it
	Firmware apdu.Version
	Form     string // "" is a key that does not tell
	FIPS     bool
}

// forms are the shapes that keys come in, by their number in the device information.
var forms = map[byte]string{
	1: "keychain, USB-A", 2: "nano, USB-A", 3: "keychain, USB-C", 4: "nano, USB-C",
	5: "keychain, USB-C and Lightning", 6: "Bio, USB-A", 7: "Bio, USB-C",
}

// String names a key as people look for it.
func (i Info) String() string {
	name := "YubiKey"
	if i.FIPS {
		name = "YubiKey FIPS"
	}
	if i.Form != "" {
		name += " (" + i.Form + ")"
	}
	return fmt.Sprintf("%s, firmware %v, %s", name, i.Firmware, i.serial())
}

func (i Info) serial() string {
	if i.Serial == 0 {
		return "one that tells no serial number"
	}
	return "serial number " + strconv.FormatUint(uint64(i.Serial), 10)
}

// Ask asks a card what it is. Another application than before is selected then.
func Ask(ctx context.Context, c apdu.Transmitter) (Info, error) {
	info, err := askManagement(ctx, c)
	switch {
	case err == nil:
		return info, nil
	case errors.Is(err, apdu.ErrNoApplet), errors.Is(err, apdu.NoInstruction): // a NEO, or it is switched off
		return askSlots(ctx, c, info)
	}
	return Info{}, fmt.Errorf("ask the key what it is: %w", err)
}

func askManagement(ctx context.Context, c apdu.Transmitter) (Info, error) {
	app := apdu.Application{Card: c, More: insMore}
	greeting, err := app.Select(ctx, management)
	if err != nil {
		return Info{}, err
	}
	info := Info{Firmware: greeted(greeting)}
	answer, err := app.Do(ctx, apdu.Command{Ins: insInfo})
	if err != nil {
		return info, err
	}
	return info, info.read(answer)
}

var version = regexp.MustCompile(`(\d{1,3})\.(\d{1,3})\.(\d{1,3})`)

// greeted reads the version out of "Virtual mgr - FW version 5.4.3".
func greeted(greeting []byte) apdu.Version {
	parts := version.FindSubmatch(greeting)
	if parts == nil {
		return apdu.Version{}
	}
	var v apdu.Version
	for i, digits := range parts[1:] {
		n, err := strconv.ParseUint(string(digits), 10, 8)
		if err != nil { // over 255: no version of a key
			return apdu.Version{}
		}
		v[i] = byte(n)
	}
	return v
}

// read takes in the device information: its length, and values.
func (i *Info) read(answer []byte) error {
	if len(answer) == 0 || int(answer[0]) != len(answer)-1 {
		return fmt.Errorf("%w (device information of another length than it says)", apdu.ErrMalformed)
	}
	values, err := apdu.ParseTLVs(answer[1:])
	if err != nil {
		return err
	}
	for _, v := range values {
		switch {
		case v.Tag == tagSerial && len(v.Value) == 4:
			i.Serial = binary.BigEndian.Uint32(v.Value)
		case v.Tag == tagFirmware && len(v.Value) == 3:
			i.Firmware = apdu.Version(v.Value)
		case v.Tag == tagForm && len(v.Value) == 1:
			i.Form, i.FIPS = forms[v.Value[0]&formMask], v.Value[0]&formFIPS != 0
		case v.Tag == tagSerial, v.Tag == tagFirmware, v.Tag == tagForm:
			return fmt.Errorf("%w (device information %02x of %d bytes)", apdu.ErrMalformed, v.Tag, len(v.Value))
		}
	}
	return nil
}

// askSlots asks the application of the slots, which every key with a serial number has.
func askSlots(ctx context.Context, c apdu.Transmitter, info Info) (Info, error) {
	app := apdu.Application{Card: c, More: insMore}
	status, err := app.Select(ctx, slots)
	switch {
	case errors.Is(err, apdu.ErrNoApplet):
		return info, nil
	case err != nil:
		return Info{}, fmt.Errorf("ask the key what it is: %w", err)
	case len(status) < 3:
		return Info{}, fmt.Errorf("ask the key what it is: %w (a status of %d bytes)", apdu.ErrMalformed, len(status))
	}
	if told := apdu.Version(status[:3]); info.Firmware.Before(told) {
		info.Firmware = told
	}
	serial, err := app.Do(ctx, apdu.Command{Ins: insSlot, P1: slotSerial})
	if _, refused := errors.AsType[apdu.Status](err); refused { // keys can be set not to tell
		return info, nil
	}
	if err != nil {
		return Info{}, fmt.Errorf("ask the key its serial number: %w", err)
	}
	if len(serial) != 4 {
		return Info{}, fmt.Errorf("ask the key its serial number: %w (%d bytes)", apdu.ErrMalformed, len(serial))
	}
	info.Serial = binary.BigEndian.Uint32(serial)
	return info, nil
}
