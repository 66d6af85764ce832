package kms_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"mfawatch/internal/kms"
	"mfawatch/totp/seal"
)

var _ seal.KMS = kms.Keys{}

const arn = "arn:aws:kms:eu-north-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

// keys are KMS on a loopback server that answers so; asked is what it was asked.
func keys(t *testing.T, status int, answer string) (k kms.Keys, asked *[]map[string]any) {
	t.Helper()
	asked = &[]map[string]any{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		question := map[string]any{}
		if err := json.Unmarshal(body, &question); err != nil {
			t.Error(err)
		}
		question["target"] = r.Header.Get("X-Amz-Target")
		*asked = append(*asked, question)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(srv.Close)
	return kms.New(aws.Config{Region: "eu-north-1", BaseEndpoint: &srv.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "x", "")}), asked
}

func TestCallsCarryKeyAndContext(t *testing.T) {
	about := map[string]string{"mfawatch:id": "ada", "tenant": "blue"}
	k, asked := keys(t, 200, `{"Plaintext":"cGxhaW4=","CiphertextBlob":"d3JhcHBlZA==","KeyId":"`+arn+`"}`)
	plain, wrapped, err := k.GenerateDataKey(t.Context(), arn, about)
	if string(plain) != "plain" || string(wrapped) != "wrapped" || err != nil {
		t.Errorf("%s, %s, error %v", plain, wrapped, err)
	}
	if plain, err = k.Decrypt(t.Context(), arn, []byte("wrapped"), about); string(plain) != "plain" || err != nil {
		t.Errorf("%s, error %v", plain, err)
	}
	sent := map[string]any{"mfawatch:id": "ada", "tenant": "blue"}
	want := []map[string]any{
		{"target": "TrentService.GenerateDataKey", "KeyId": arn, "KeySpec": "AES_256", "EncryptionContext": sent},
		{"target": "TrentService.Decrypt", "KeyId": arn, "CiphertextBlob": "d3JhcHBlZA==", "EncryptionContext": sent},
	}
	if diff := cmp.Diff(want, *asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ code, message, want string }{
		{"InvalidCiphertextException", "private", "it was sealed for another id, kind or encryption context, or is damaged: give the context it was sealed with"},
		{"IncorrectKeyException", "private", "another key sealed it: name that key"},
		{"NotFoundException", "private", "there is no such key in this Region and account: check the ARN and the Region"},
		{"DisabledException", "private", "the key is disabled: enable it"},
		{"KMSInvalidStateException", "private", "the key is pending deletion or not ready: cancel the deletion"},
		{"KeyUnavailableException", "private", "KMS cannot reach the key now: try again later"},
		{"InvalidKeyUsageException", "private", "the key is not for encryption: name a symmetric key"},
		{"ThrottlingException", "private", "too many calls: try again later"},
		{"DependencyTimeoutException", "private", "KMS is out of time: try again later"},
		{"KMSInternalException", "private", "KMS has a fault: try again later"},
		{"ExpiredTokenException", "private", "the credentials have expired: sign in again"},
		{"AccessDeniedException", "private", "allow kms:ACTION in the key policy or an identity-based policy, for this encryption context"},
		{"AccessDeniedException", "User: private is not authorized to perform: x because no identity-based policy allows it", "allow kms:ACTION in the key policy or an identity-based policy, for this encryption context"},
		{"AccessDeniedException", "private with an explicit deny in an identity-based policy", "a policy denies it: change that (identity-based policy)"},
		{"AccessDeniedException", "private because no service control policy allows it", "the service control policy does not allow it: change that"},
		{"AccessDeniedException", "private with an explicit deny in a service control policy", "a policy denies it: change that (service control policy)"},
		{"AccessDeniedException", "private with an explicit deny", "a policy denies it: change that"},
		{"SomethingNew", "private", ""},
	} {
		k, _ := keys(t, 400, fmt.Sprintf(`{"__type":%q,"message":%q}`, c.code, c.message))
		_, _, first := k.GenerateDataKey(t.Context(), arn, nil)
		_, second := k.Decrypt(t.Context(), arn, []byte("x"), nil)
		for action, err := range map[string]error{"GenerateDataKey": first, "Decrypt": second} {
			want := "kms:" + action + " with " + arn + ": " + c.code
			if c.want != "" {
				want += ": " + strings.ReplaceAll(c.want, "ACTION", action)
			}
			if err == nil || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
		}
	}
}

func TestNoAnswer(t *testing.T) {
	k, asked := keys(t, 200, `{}`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.Decrypt(ctx, arn, []byte("x"), nil); err == nil || err.Error() != "kms:Decrypt with "+arn+": out of time" || len(*asked) > 0 {
		t.Errorf("error %v", err)
	}
	closed := kms.New(aws.Config{Region: "eu-north-1", BaseEndpoint: aws.String("http://127.0.0.1:1"), RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "x", "")})
	if _, err := closed.Decrypt(t.Context(), arn, []byte("x"), nil); err == nil || !strings.Contains(err.Error(), "no answer: AWS cannot be reached") {
		t.Errorf("error %v", err)
	}
}
