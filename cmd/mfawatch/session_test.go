package main

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Where STS is asked is the SDK's to say, and part of a kept session's name.
func TestSTSEndpoint(t *testing.T) {
	for _, c := range []struct{ all, sts, ignore, config, want string }{
		{"", "", "", "", ""}, {"http://a", "", "", "", "http://a"}, {"http://a", "http://s", "", "http://a", "http://s"}, {"", "http://s", "", "", "http://s"},
		{"", "", "", "http://c", "http://c"}, {"http://a", "http://s", "true", "", ""}, {"http://a", "", "", "http://c", "http://c"},
	} {
		t.Setenv("AWS_ENDPOINT_URL", c.all)
		t.Setenv("AWS_ENDPOINT_URL_STS", c.sts)
		t.Setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", c.ignore)
		var cfg aws.Config
		if c.config != "" {
			cfg.BaseEndpoint = &c.config
		}
		if got := stsEndpoint(cfg); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
