// Package start is how every function begins: its settings, the AWS SDK's
// configuration and its log, out of the environment that Lambda gives it, and the
// files in its own folder.
//
// It promises that what is missing or wrong is an error that names the variable or the
// file and the fix, so that a function that was deployed wrongly says so in one line
// of its log. It makes no client, reads no rules and starts nothing: a function's main
// does.
package start

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/rs/zerolog"

	"mfawatch/functions/settings"
	"mfawatch/internal/awsenv"
)

// Parts are what every function begins with, beside its settings.
type Parts struct {
	AWS    aws.Config
	Log    zerolog.Logger
	folder string
}

// From reads the settings of a function, a struct of functions/settings, out of an
// environment, and makes the parts; the log goes to out.
func From[S interface{ Level() string }](env func(string) (string, bool), out io.Writer) (S, Parts, error) {
	var none S
	set, err := settings.FromEnv[S](env)
	if err != nil {
		return none, Parts{}, err
	}
	level, err := zerolog.ParseLevel(set.Level())
	if err != nil {
		return none, Parts{}, fmt.Errorf("the function's environment: MFAWATCH_LOG_LEVEL: %w", err)
	}
	cfg, err := awsenv.Config(env)
	if err != nil {
		return none, Parts{}, err
	}
	folder, _ := env("LAMBDA_TASK_ROOT")
	return set, Parts{AWS: cfg, Log: zerolog.New(out).Level(level).With().Timestamp().Logger(), folder: folder}, nil
}

// File reads a file that a deployment puts into the function's folder.
func (p Parts) File(name string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(p.folder, name))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w: put it into the function's folder", name, err)
	}
	return text, nil
}

// Refused logs why a function cannot start, and is the code that it ends with.
func Refused(out io.Writer, err error) int {
	log := zerolog.New(out)
	log.Error().Err(err).Msg("the function cannot start")
	return 1
}
