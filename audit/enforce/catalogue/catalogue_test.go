package catalogue_test

import (
	"slices"
	"strings"
	"testing"

	"mfawatch/audit/enforce/catalogue"
)

func TestNamed(t *testing.T) {
	for _, c := range []struct{ ask, name, types string }{
		{"iam:enablemfadevice", "iam:EnableMFADevice", "user"},
		{"IAM:DeleteVirtualMFADevice", "iam:DeleteVirtualMFADevice", "mfa,sms-mfa"},
		{"iam:ListUsers", "iam:ListUsers", "*"},
		{"sts:GetSessionToken", "sts:GetSessionToken", ""},
		{"signin:Authenticate", "signin:Authenticate", ""},
	} {
		a, known := catalogue.Named(c.ask)
		if !known || a.Name != c.name || strings.Join(a.Types, ",") != c.types {
			t.Errorf("Named(%s) = %+v, %t", c.ask, a, known)
		}
	}
	if a, known := catalogue.Named("iam:EnableMFA"); known {
		t.Errorf("iam:EnableMFA is %+v", a)
	}
}

// Every action is of a service that is listed in full, and of a known one.
func TestServices(t *testing.T) {
	names := catalogue.Names()
	if len(names) != 222 || !slices.IsSorted(names) {
		t.Errorf("%d names, sorted: %t", len(names), slices.IsSorted(names))
	}
	for _, name := range names {
		service, _, _ := strings.Cut(name, ":")
		if !catalogue.Listed(service) || !catalogue.KnownService(service) {
			t.Errorf("%s is of no listed service", name)
		}
	}
	for _, service := range []string{"s4", "", "ec", "xray2"} {
		if catalogue.KnownService(service) {
			t.Errorf("%q is a service", service)
		}
	}
	for _, service := range []string{"a2c", "EC2", "s3", "xray", "resource-explorer-2"} {
		if !catalogue.KnownService(service) || catalogue.Listed(service) {
			t.Errorf("%q is no service, or listed in full", service)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"iam:ChangePassword", "iam:CreateUser", "user"}
	for text, want := range map[string]string{
		"iam:ChangePasswrd": "iam:ChangePassword", "IAM:changepassword": "iam:ChangePassword", "ima:createuser": "iam:CreateUser",
		"iam:Create": "", "usr": "user", "us": "", strings.Repeat("a", 65): "",
	} {
		if got := catalogue.Nearest(text, names); got != want {
			t.Errorf("Nearest(%s) = %q, want %q", text, got, want)
		}
	}
}
