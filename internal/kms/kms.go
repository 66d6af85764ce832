// Package kms makes and opens data keys with AWS KMS, for secrets that are sealed to
// a KMS key.
//
// It promises that every call carries the encryption context and the key it was given, so
// that KMS refuses what was wrapped for another secret or by another key. Its errors name the
// action, the key and AWS's code, what to do, and nothing of AWS's messages.
package kms

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"mfawatch/internal/awserr"
)

// Keys are the KMS keys of an account in one Region.
type Keys struct{ client *kms.Client }

// New takes the configuration of the Region that has the key.
func New(cfg aws.Config) Keys { return Keys{kms.NewFromConfig(cfg)} }

// GenerateDataKey makes a key of 256 bits, plain and wrapped.
func (k Keys) GenerateDataKey(ctx context.Context, key string, encryptionContext map[string]string) (plain, wrapped []byte, err error) {
	out, err := k.client.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &key, KeySpec: types.DataKeySpecAes256, EncryptionContext: encryptionContext})
	if err != nil {
		return nil, nil, refused("GenerateDataKey", key, err)
	}
	return out.Plaintext, out.CiphertextBlob, nil
}

// Decrypt opens a wrapped key. The key is named, although the blob says which it was:
// what another key wrapped is refused (KMS API reference, Decrypt, KeyId).
func (k Keys) Decrypt(ctx context.Context, key string, wrapped []byte, encryptionContext map[string]string) ([]byte, error) {
	out, err := k.client.Decrypt(ctx, &kms.DecryptInput{KeyId: &key, CiphertextBlob: wrapped, EncryptionContext: encryptionContext})
	if err != nil {
		return nil, refused("Decrypt", key, err)
	}
	return out.Plaintext, nil
}

// todo is what to do about an answer of KMS (KMS API reference, errors of
// GenerateDataKey and Decrypt).
var todo = map[string]string{
	"InvalidCiphertextException": "it was sealed for another id, kind or encryption context, or is damaged: give the context it was sealed with",
	"IncorrectKeyException":      "another key sealed it: name that key",
	"NotFoundException":          "there is no such key in this Region and account: check the ARN and the Region",
	"DisabledException":          "the key is disabled: enable it",
	"KMSInvalidStateException":   "the key is pending deletion or not ready: cancel the deletion",
	"KeyUnavailableException":    "KMS cannot reach the key now: try again later",
	"InvalidKeyUsageException":   "the key is not for encryption: name a symmetric key",
	"ThrottlingException":        "too many calls: try again later",
	"DependencyTimeoutException": "KMS is out of time: try again later",
	"KMSInternalException":       "KMS has a fault: try again later",
}

func refused(action, key string, err error) error {
	code := awserr.Code(err)
	said := fmt.Sprintf("kms:%s with %s: %s", action, key, code)
	var answer smithy.APIError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return errors.New(said)
	case !errors.As(err, &answer):
		return fmt.Errorf("%s: %w", said, awserr.Unanswered(err))
	case code == "AccessDeniedException":
		return fmt.Errorf("%s: %s", said, denied(action, answer.ErrorMessage()))
	}
	if advice, known := awserr.Credentials(code); known {
		return fmt.Errorf("%s: %s", said, advice)
	}
	if what, known := todo[code]; known {
		return fmt.Errorf("%s: %s", said, what)
	}
	return errors.New(said)
}

// denied says which policy refused, where AWS says it.
func denied(action, message string) string {
	kind, explicit := awserr.Policy(message)
	switch {
	case explicit:
		return "a policy denies it: change that" + named(kind)
	case kind == "" || kind == awserr.IdentityBased:
		return "allow kms:" + action + " in the key policy or an identity-based policy, for this encryption context"
	}
	return "the " + kind + " does not allow it: change that"
}

func named(kind string) string {
	if kind == "" {
		return ""
	}
	return " (" + kind + ")"
}
