package awstest

import (
	"fmt"
	"os"
	"path/filepath"

	"mfawatch/audit/config"
	"mfawatch/audit/config/compiled"
	"mfawatch/functions/settings"
)

// Environment is what a function is started with to work against the stand-in:
// its settings, the SDK's, and a folder with mfawatch.yaml, compiled from file as
// a deployment does.
func (s *Server) Environment(set any, account, dir, file string) ([]string, error) {
	text, err := config.Compile(compiled.Name, []byte(file))
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, compiled.Name), text, 0o600); err != nil {
		return nil, err
	}
	env := []string{
		"AWS_ENDPOINT_URL=" + s.URL, "AWS_REGION=eu-north-1", "AWS_ACCESS_KEY_ID=AKIAAUDIT" + account, "AWS_SECRET_ACCESS_KEY=x",
		"AWS_EC2_METADATA_DISABLED=true", "LAMBDA_TASK_ROOT=" + dir,
	}
	for name, value := range settings.Env(set) {
		env = append(env, fmt.Sprintf("%s=%s", name, value))
	}
	return env, nil
}
