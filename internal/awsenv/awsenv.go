// Package awsenv is the AWS SDK's configuration out of what Lambda gives a
// function: its role's keys for as long as the process lives, and the Region
// (Lambda developer guide, environment variables).
//
// It promises what a function needs of the SDK's own loader, and reads nothing
// but the environment it is given. The loader also knows files, profiles, single
// sign-on, other processes and instance metadata, which no function has, and
// carries three services with it for them.
package awsenv

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/logging"
)

// Config is the configuration of an environment. Its logger is silent: the SDK's
// would write to the function's log what is in no form of ours.
func Config(env func(string) (string, bool)) (aws.Config, error) {
	get := func(name string) string { v, _ := env(name); return v }
	if get("AWS_REGION") == "" {
		return aws.Config{}, errors.New("the function's environment: AWS_REGION is missing: Lambda sets it")
	}
	cfg := aws.Config{
		Region: get("AWS_REGION"), Logger: logging.Nop{},
		Credentials: credentials.NewStaticCredentialsProvider(get("AWS_ACCESS_KEY_ID"), get("AWS_SECRET_ACCESS_KEY"), get("AWS_SESSION_TOKEN")),
	}
	if url := get("AWS_ENDPOINT_URL"); url != "" {
		cfg.BaseEndpoint = &url
	}
	var wanted endpoints
	var err error
	if wanted.fips, err = yes(get, "AWS_USE_FIPS_ENDPOINT"); err != nil {
		return aws.Config{}, err
	}
	if wanted.dual, err = yes(get, "AWS_USE_DUALSTACK_ENDPOINT"); err != nil {
		return aws.Config{}, err
	}
	cfg.ConfigSources = []any{wanted}
	return cfg, nil
}

func yes(get func(string) string, name string) (bool, error) {
	text := get(name)
	if text == "" {
		return false, nil
	}
	b, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("the function's environment: %s is %q: set it to true or false, or leave it out", name, text)
	}
	return b, nil
}

// endpoints are those that the SDK's clients are to use: they ask a source of
// their configuration by these two methods, as they ask the loader's EnvConfig.
type endpoints struct{ fips, dual bool }

// GetUseFIPSEndpoint answers the SDK.
func (e endpoints) GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error) {
	if e.fips {
		return aws.FIPSEndpointStateEnabled, true, nil
	}
	return aws.FIPSEndpointStateUnset, false, nil
}

// GetUseDualStackEndpoint answers the SDK.
func (e endpoints) GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error) {
	if e.dual {
		return aws.DualStackEndpointStateEnabled, true, nil
	}
	return aws.DualStackEndpointStateUnset, false, nil
}
