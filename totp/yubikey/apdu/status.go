package apdu

import "fmt"

// Status is what a card answered instead of success. It is an error.
type Status uint16

// The status words that callers ask about.
const (
	Refused       Status = 0x6982 // locked, or not touched
	NoObject      Status = 0x6984
	Conditions    Status = 0x6985
	WrongSyntax   Status = 0x6a80
	NotFound      Status = 0x6a82
	NoSpace       Status = 0x6a84
	WrongP1P2     Status = 0x6b00
	NoInstruction Status = 0x6d00

	success Status = 0x9000
)

// moreFollows is the first byte of a status whose second says how many bytes do.
const moreFollows = 0x61

// sentences say what a status means and what helps: ISO 7816-4 and Yubico's YKOATH
// protocol specification.
var sentences = map[Status]string{
	0x6581:        "its memory failed: try again, and replace it if this stays",
	0x6700:        "the command has a wrong length for this firmware",
	Refused:       "it wants its password first, or was not touched in time",
	0x6983:        "it is blocked: only a reset helps",
	NoObject:      "it has nothing of that name",
	Conditions:    "it was not touched in time, or is not set up for this",
	WrongSyntax:   "it does not take these values",
	0x6a81:        "it cannot do this: its firmware is too old, or the application is switched off",
	NotFound:      "it has no such application, or it is switched off: ykman info lists them",
	NoSpace:       "it is full: delete a credential first",
	0x6a86:        "it does not take these parameters",
	WrongP1P2:     "it does not take these parameters",
	NoInstruction: "its firmware does not know the command",
	0x6f00:        "it gave up, as old keys do when they are full: delete a credential, or try again",
}

func (s Status) Error() string {
	if sentence, known := sentences[s]; known {
		return fmt.Sprintf("the key refused: %s (status %04x)", sentence, uint16(s))
	}
	return fmt.Sprintf("the key refused with status %04x", uint16(s))
}
