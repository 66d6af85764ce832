package awstest

import (
	"fmt"
	"os"
	"path/filepath"

	"mfawatch/functions/settings"
)

// Environment is what a function is started with to work against the stand-in:
// its settings, the SDK's, and a folder with mfawatch.yaml.
func (s *Server) Environment(set any, account, dir, file string) ([]string, error) {
	if err := os.WriteFile(filepath.Join(dir, "mfawatch.yaml"), []byte(file), 0o600); err != nil {
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
