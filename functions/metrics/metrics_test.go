package metrics_test

import (
	"testing"
	"time"

	"mfawatch/functions/metrics"
)

// The lines that CloudWatch takes metrics from have the documented form, and no
// more members in the objects that may have none.
func TestLine(t *testing.T) {
	noon := time.UnixMilli(1795176000000)
	of := func(name, value string) metrics.Dimension { return metrics.Dimension{Name: name, Value: value} }
	for want, line := range map[string][]byte{
		`{"FindingsByCheck":3,"_aws":{"Timestamp":1795176000000,"CloudWatchMetrics":[{"Namespace":"mfawatch","Dimensions":[["account","check","outcome"]],"Metrics":[{"Name":"FindingsByCheck","Unit":"Count"}]}]},"account":"111122223333","check":"root-mfa","outcome":"fail"}`: metrics.Line(noon, []metrics.Value{metrics.Count("FindingsByCheck", 3)},
			of("account", "111122223333"), of("check", "root-mfa"), of("outcome", "fail")),
		`{"RegionsSilent":0,"RoundTrip":1.5,"_aws":{"Timestamp":1795176000000,"CloudWatchMetrics":[{"Namespace":"mfawatch","Dimensions":[["function"]],"Metrics":[{"Name":"RoundTrip","Unit":"Seconds"},{"Name":"RegionsSilent","Unit":"Count"}]}]},"function":"canary"}`: metrics.Line(noon, []metrics.Value{metrics.Seconds("RoundTrip", 1500*time.Millisecond), metrics.Count("RegionsSilent", 0)},
			metrics.Function("canary")),
	} {
		if string(line) != want+"\n" {
			t.Errorf("line\n%swant\n%s", line, want)
		}
	}
}
