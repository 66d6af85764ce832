package alerting

import (
	"fmt"
	"slices"
	"strings"
)

// joined are several errors in one line.
type joined []error

// mostTexts is how many different errors are told of: one message can bring
// hundreds of thousands, and who reads the log learns no more from them.
const mostTexts = 8

func (j joined) Error() string {
	var texts []string
	more := 0
	for _, err := range j {
		text := strings.ReplaceAll(err.Error(), "\n", "; ")
		if slices.Contains(texts, text) || len(texts) == mostTexts {
			more++
			continue
		}
		texts = append(texts, text)
	}
	line := strings.Join(texts, "; ")
	if more > 0 {
		line += fmt.Sprintf("; and %d more", more)
	}
	return line
}

func (j joined) Unwrap() []error { return j }

// Join joins errors in one line, nil where there is none.
func Join(errs ...error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) == 0 {
		return nil
	}
	return joined(errs)
}
