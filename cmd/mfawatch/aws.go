package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/smithy-go/logging"
	"golang.org/x/term"
)

// awsConfig loads the AWS configuration as every AWS tool does: environment,
// profile, container, instance. A profile whose role asks for an MFA code has it
// asked for on the terminal.
func awsConfig(ctx context.Context, t terminal, profile, region string) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{
		config.WithLogger(logging.Nop{}), // the SDK would write to standard error; what matters comes back as an error
		config.WithAssumeRoleCredentialOptions(func(o *stscreds.AssumeRoleOptions) {
			o.TokenProvider = func() (string, error) { return askCode(t, aws.ToString(o.SerialNumber)) }
		}),
	}
	if t.aws != nil {
		options = append(options, config.WithHTTPClient(t.aws))
	}
	if profile != "" {
		options = append(options, config.WithSharedConfigProfile(profile))
	}
	if region != "" {
		options = append(options, config.WithRegion(region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if absent := (config.SharedConfigProfileNotExistError{}); errors.As(err, &absent) {
		return aws.Config{}, cannotRun(fmt.Errorf("no profile %q in the AWS configuration: aws configure list-profiles names those that are there", absent.Profile))
	}
	if err != nil {
		return aws.Config{}, cannotRun(fmt.Errorf("load the AWS configuration: %w", err))
	}
	return cfg, nil
}

// askCode asks for the code of a device. Without a terminal nobody answers.
func askCode(t terminal, serial string) (string, error) {
	in, isFile := t.file()
	if !isFile || !term.IsTerminal(int(in.Fd())) {
		return "", errors.New("the profile's role asks for an MFA code, and there is no terminal to ask on: sign in with another tool first and pass its credentials on")
	}
	fmt.Fprintf(t.err, "MFA code of %s: ", serial)
	line, err := bufio.NewReader(t.in).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("read the MFA code: %w", err)
	}
	return strings.TrimSpace(line), nil
}
