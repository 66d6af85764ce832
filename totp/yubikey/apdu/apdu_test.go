package apdu

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// script is a card that answers one line after the other, the last again and again.
type script struct {
	answers []string
	sent    []string
}

func (s *script) Transmit(_ context.Context, command []byte) ([]byte, error) {
	s.sent = append(s.sent, hex.EncodeToString(command))
	answer := s.answers[min(len(s.sent), len(s.answers))-1]
	return hex.DecodeString(strings.ReplaceAll(answer, " ", ""))
}

func TestDo(t *testing.T) {
	for name, c := range map[string]struct {
		answers []string
		want    string // hex
		err     error
		sent    string // of the last command
	}{
		"whole":             {[]string{"0102 9000"}, "0102", nil, "00a1020302aabb"},
		"empty":             {[]string{"9000"}, "", nil, "00a1020302aabb"},
		"in parts":          {[]string{"01 6101", "02 6102", "03 9000"}, "010203", nil, "00a5000000"},
		"no data at first":  {[]string{"6110", "02 9000"}, "02", nil, "00a5000000"},
		"refused":           {[]string{"6a84"}, "", NoSpace, "00a1020302aabb"},
		"refused half-way":  {[]string{"01 6101", "6982"}, "", Refused, "00a5000000"},
		"unknown status":    {[]string{"6123", "1234"}, "", Status(0x1234), "00a5000000"},
		"no status":         {[]string{"90"}, "", ErrMalformed, "00a1020302aabb"},
		"nothing":           {[]string{""}, "", ErrMalformed, "00a1020302aabb"},
		"never ends":        {[]string{"6100"}, "", ErrMalformed, "00a5000000"},
		"never ends, large": {[]string{strings.Repeat("ab", 60_000) + "61ff"}, "", ErrMalformed, "00a5000000"},
	} {
		t.Run(name, func(t *testing.T) {
			card := &script{answers: c.answers}
			data := []byte{0xaa, 0xbb}
			got, err := Application{card, 0xa5}.Do(t.Context(), Command{Ins: 0xa1, P1: 2, P2: 3, Data: data})
			if hex.EncodeToString(got) != c.want || !errors.Is(err, c.err) {
				t.Errorf("%x, error %v; want %s, %v", got, err, c.want, c.err)
			}
			if last := card.sent[len(card.sent)-1]; last != c.sent {
				t.Errorf("sent %s last, want %s", last, c.sent)
			}
			if len(card.sent) > mostParts || !bytes.Equal(data, []byte{0, 0}) {
				t.Errorf("%d commands; what was sent is still there: %x", len(card.sent), data)
			}
		})
	}
}

func TestDoRefusesLongCommands(t *testing.T) {
	card := &script{answers: []string{"9000"}}
	if _, err := (Application{card, 0}).Do(t.Context(), Command{Data: make([]byte, 256)}); err == nil || len(card.sent) > 0 {
		t.Errorf("error %v, %d commands sent", err, len(card.sent))
	}
}

func TestSelect(t *testing.T) {
	for status, want := range map[string]error{"6a82": ErrNoApplet, "6d00": ErrNoApplet, "6b00": ErrNoApplet, "6581": Status(0x6581), "0102 9000": nil} {
		card := &script{answers: []string{status}}
		if _, err := (Application{card, 0}).Select(t.Context(), []byte{0xa0, 1}); !errors.Is(err, want) {
			t.Errorf("%s: error %v, want %v", status, err, want)
		}
		if card.sent[0] != "00a4040002a001" {
			t.Errorf("sent %s", card.sent[0])
		}
	}
}

// silent never answers, and obeys its context.
type silent struct{}

func (silent) Transmit(ctx context.Context, _ []byte) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestACardThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := Application{silent{}, 0}.Do(t.Context(), Command{})
		if !errors.Is(err, ErrNoAnswer) || time.Since(start) != Prompt {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
		start = time.Now()
		if _, err = (Application{silent{}, 0}).Do(t.Context(), Command{Patience: Touched}); !errors.Is(err, ErrNoAnswer) || time.Since(start) != Touched {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err = (Application{silent{}, 0}).Do(ctx, Command{}); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrNoAnswer) {
			t.Errorf("the caller's own time is over: error %v", err)
		}
	})
}

// slow answers in endless parts, each in time, and does not look at its context.
type slow struct{}

func (slow) Transmit(context.Context, []byte) ([]byte, error) {
	time.Sleep(time.Second)
	return []byte{0x61, 0x00}, nil
}

func TestACardThatIsSlowOnPurpose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := Application{slow{}, 0}.Do(t.Context(), Command{})
		if took := time.Since(start); !errors.Is(err, ErrNoAnswer) || took > Prompt+time.Second {
			t.Errorf("error %v after %v", err, took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		card := &script{answers: []string{"9000"}}
		if _, err := (Application{card, 0}).Do(ctx, Command{}); !errors.Is(err, context.Canceled) || len(card.sent) != 0 {
			t.Errorf("given up before: error %v, %d sent", err, len(card.sent))
		}
	})
}

func TestWhenBlinking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		called := 0
		stop := WhenBlinking(func() { called++ })
		time.Sleep(Blinking - 1)
		if stop(); called != 0 {
			t.Error("called too soon")
		}
		time.Sleep(time.Minute)
		stop = WhenBlinking(func() { time.Sleep(time.Second); called++ })
		time.Sleep(Blinking)
		synctest.Wait()
		if stop(); called != 1 {
			t.Errorf("called %d times, or not waited for", called)
		}
	})
}

func TestTLVs(t *testing.T) {
	long := bytes.Repeat([]byte{7}, 200)
	b := AppendTLV(AppendTLV(AppendTLV(nil, 0x71, []byte("ada")), 0x74, nil), 0x73, long)
	got, err := ParseTLVs(append(b, 0x75, 0x82, 0, 1, 9))
	if err != nil || len(got) != 4 || string(got[0].Value) != "ada" || got[1].Tag != 0x74 || len(got[1].Value) != 0 ||
		!bytes.Equal(got[2].Value, long) || got[3].Value[0] != 9 {
		t.Errorf("%v, error %v", got, err)
	}
	for n := range 256 {
		value := bytes.Repeat([]byte{byte(n)}, n)
		got, err := ParseTLVs(AppendTLV(nil, 0x73, value))
		if err != nil || len(got) != 1 || got[0].Tag != 0x73 || !bytes.Equal(got[0].Value, value) {
			t.Errorf("%d bytes: %v, error %v", n, got, err)
		}
	}
	for _, good := range []struct {
		head string
		n    int
	}{{"7400", 0}, {"748100", 0}, {"74820000", 0}, {"74820102", 258}, {"7481ff", 255}, {"747f", 127}} {
		b, _ := hex.DecodeString(good.head)
		if got, err := ParseTLVs(append(b, make([]byte, good.n)...)); err != nil || len(got) != 1 || len(got[0].Value) != good.n {
			t.Errorf("%s: %v, error %v", good.head, got, err)
		}
	}
	for _, bad := range []string{"71", "7102ff", "7180", "7181", "718105ff", "718200", "71820001", "71830000ff", "7183000000", "71ff", "7180" + strings.Repeat("00", 128)} {
		b, _ := hex.DecodeString(bad)
		if got, err := ParseTLVs(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, error %v", bad, got, err)
		}
	}
}

func FuzzParseTLVs(f *testing.F) {
	for _, seed := range []string{"7103616461", "7981020304", "76820005069c0000007100", "ff"} {
		b, _ := hex.DecodeString(seed)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := ParseTLVs(b)
		if err != nil {
			return
		}
		total := 0
		for _, v := range all {
			total += 2 + len(v.Value)
		}
		if total > len(b) {
			t.Errorf("%d values of %d bytes out of %d", len(all), total, len(b))
		}
	})
}

func TestVersions(t *testing.T) {
	v := Version{4, 3, 1}
	if v.String() != "4.3.1" || v.Before(Version{4, 3, 1}) || !v.Before(Version{4, 10, 0}) || v.Before(Version{4, 2, 9}) || !v.Before(Version{5, 0, 0}) {
		t.Error(v)
	}
}

func TestSentences(t *testing.T) {
	for status, want := range map[Status]string{0x6581: "memory", 0x6700: "length", 0x6982: "password", 0x6983: "blocked", 0x6984: "nothing of that name", 0x6985: "touched",
		0x6a80: "values", 0x6a81: "firmware", 0x6a82: "no such application", 0x6a84: "full", 0x6a86: "parameters", 0x6b00: "parameters", 0x6d00: "command", 0x6f00: "gave up"} {
		if got := status.Error(); !strings.Contains(got, want) || !strings.HasSuffix(got, fmt.Sprintf("(status %04x)", uint16(status))) {
			t.Errorf("%04x: %s", uint16(status), got)
		}
	}
	for status, sentence := range sentences {
		if got := status.Error(); !strings.Contains(got, sentence) || len(sentence) < 10 {
			t.Errorf("%04x: %s", uint16(status), got)
		}
	}
	if got := Status(0x6b07).Error(); got != "the key refused with status 6b07" {
		t.Error(got)
	}
}
