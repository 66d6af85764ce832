package awsenv_test

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"mfawatch/internal/awsenv"
)

// environment is Lambda's, with more.
func environment(more map[string]string) func(string) (string, bool) {
	all := map[string]string{"AWS_REGION": "eu-north-1", "AWS_ACCESS_KEY_ID": "ASIA", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"}
	maps.Copy(all, more)
	return func(name string) (string, bool) { v, ok := all[name]; return v, ok }
}

func TestConfig(t *testing.T) {
	cfg, err := awsenv.Config(environment(nil))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := cfg.Credentials.Retrieve(context.Background())
	if err != nil || keys.AccessKeyID != "ASIA" || keys.SecretAccessKey != "secret" || keys.SessionToken != "token" {
		t.Errorf("keys of %s, error %v", keys.AccessKeyID, err)
	}
	if cfg.Region != "eu-north-1" || cfg.BaseEndpoint != nil {
		t.Errorf("Region %s, endpoint %v", cfg.Region, cfg.BaseEndpoint)
	}
}

// The SDK's clients go where the environment says.
func TestEndpoints(t *testing.T) {
	cfg, err := awsenv.Config(environment(map[string]string{"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "True"}))
	if err != nil {
		t.Fatal(err)
	}
	if o := s3.NewFromConfig(cfg).Options().EndpointOptions; o.UseFIPSEndpoint != aws.FIPSEndpointStateEnabled || o.UseDualStackEndpoint != aws.DualStackEndpointStateEnabled {
		t.Errorf("S3 has %+v", o)
	}
	cfg, err = awsenv.Config(environment(map[string]string{"AWS_ENDPOINT_URL": "http://192.0.2.1:5000", "AWS_USE_FIPS_ENDPOINT": "false"}))
	if err != nil {
		t.Fatal(err)
	}
	if o := sns.NewFromConfig(cfg).Options(); aws.ToString(o.BaseEndpoint) != "http://192.0.2.1:5000" || o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled {
		t.Errorf("SNS has %v, %+v", o.BaseEndpoint, o.EndpointOptions)
	}
}

func TestRefusals(t *testing.T) {
	for want, more := range map[string]map[string]string{
		"AWS_REGION is missing: Lambda sets it":                 {"AWS_REGION": ""},
		`AWS_USE_FIPS_ENDPOINT is "maybe": set it to true or`:   {"AWS_USE_FIPS_ENDPOINT": "maybe"},
		`AWS_USE_DUALSTACK_ENDPOINT is "on": set it to true or`: {"AWS_USE_DUALSTACK_ENDPOINT": "on"},
	} {
		if _, err := awsenv.Config(environment(more)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want %s…", more, err, want)
		}
	}
}
