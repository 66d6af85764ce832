//go:build acceptance

package acceptance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"mfawatch/totp"
	"mfawatch/totp/ledger"
	"mfawatch/totp/ledger/ledgertest"
	"mfawatch/totp/ledger/table"
)

// TestDynamoDBKeepsALedger: AWS's own DynamoDB Local keeps the contract that the file
// keeps, with many callers at once.
func TestDynamoDBKeepsALedger(t *testing.T) {
	c := dynamoDB(t)
	if _, err := c.CreateTable(t.Context(), table.CreateTable("ledger")); err != nil {
		t.Fatal(err)
	}
	ledgertest.TestStore(t, &table.Store{Client: c, Table: "ledger"})
}

// ledgerChild makes this test binary one of the processes that share a ledger in
// DynamoDB: the variable names its endpoint.
const ledgerChild = "MFAWATCH_TEST_LEDGER_AT"

// TestLedgerProcess is what such a process does: it shows the codes that all the others
// show too, one of each step, leases a step each time, and tells what it got.
func TestLedgerProcess(t *testing.T) {
	at := os.Getenv(ledgerChild)
	if at == "" {
		return // it is run by TestProcessesShareALedger alone
	}
	c := dynamodb.New(dynamodb.Options{BaseEndpoint: &at, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}) // DynamoDB Local has a database for each
	store := &table.Store{Client: c, Table: "shared"}
	k, err := totp.New(totp.Settings{Account: "ada"}, []byte("12345678901234567890"))
	if err != nil {
		t.Fatal(err)
	}
	for step := int64(60_000_000); step < 60_000_006; step++ {
		code, err := k.At(step)
		if err != nil {
			t.Fatal(err)
		}
		now := k.Starts(step)
		if _, err := (ledger.Verifier{Store: store}).Check(context.Background(), "k", k, code, now); err == nil {
			fmt.Printf("accepted %d\n", step)
		} else if later := (*ledger.Later)(nil); !errors.Is(err, totp.ErrReplayed) && !errors.As(err, &later) && !errors.Is(err, table.ErrBusy) {
			t.Fatal(err)
		}
		q := ledger.Request{Device: "d", Owner: fmt.Sprint(os.Getpid()), Purpose: ledger.Session}
		when := now.Add(time.Duration(step-60_000_000) * 3 * time.Minute)
		l, err := (ledger.Prover{Store: store}).Lease(context.Background(), k, q, when)
		for try := 0; err != nil && try < 40; try++ {
			// The others came first each time, or are ahead by all that can be leased.
			if later := (*ledger.Later)(nil); errors.As(err, &later) {
				when = later.Until
			} else if !errors.Is(err, table.ErrBusy) {
				break
			}
			l, err = (ledger.Prover{Store: store}).Lease(context.Background(), k, q, when)
		}
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("leased %d\n", l.Step)
	}
}

// TestProcessesShareALedger: of eight processes that show the same code at once one gets
// in, and no two are given the same step; one that is killed changes nothing of that.
func TestProcessesShareALedger(t *testing.T) {
	c := dynamoDB(t)
	if _, err := c.CreateTable(t.Context(), table.CreateTable("shared")); err != nil {
		t.Fatal(err)
	}
	at := aws.ToString(c.Options().BaseEndpoint)
	out := make([]strings.Builder, 8)
	var all []*exec.Cmd
	for i := range out {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestLedgerProcess$")
		cmd.Env = append(os.Environ(), ledgerChild+"="+at)
		cmd.Stdout, cmd.Stderr = &out[i], os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
	}
	time.Sleep(300 * time.Millisecond)
	_ = all[0].Process.Kill()
	seen := map[string]int{}
	for i, cmd := range all {
		if err := cmd.Wait(); err != nil && i > 0 {
			t.Errorf("%v: %.600s", err, out[i].String())
		}
		for line := range strings.Lines(out[i].String()) {
			if what := strings.TrimSpace(line); strings.HasPrefix(what, "accepted ") || strings.HasPrefix(what, "leased ") {
				seen[what]++
			}
		}
	}
	if len(seen) < 7*6 {
		t.Errorf("%d things were given, want a lease of each of seven processes six times at least", len(seen))
	}
	for what, n := range seen {
		if n > 1 {
			t.Errorf("%s: %d times", what, n)
		}
	}
}
