package main

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"mfawatch/functions/settings"
)

// docs/operations.md names every metric, mode and setting of this function that
// is its own.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, page, found := strings.Cut(string(text), "(`functions/canary`)")
	if !found {
		t.Fatal("no section about functions/canary")
	}
	words := []string{"`{\"mode\":\"send\"}`", "`{\"mode\":\"check\"}`", "`{\"mode\":\"trail\"}`"}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		h := w.handler()
		h.Heart = w
		w.arrive(0, tagEvent(own, "mfawatch-canary-target", "20260101T000000Z-0123456789abcdef-trail", h.Now()))
		if _, err := h.Handle(t.Context(), Event{ModeSend}); err != nil {
			t.Error(err)
		}
		for name := range w.metrics(t) {
			words = append(words, "| `"+name+"` |")
		}
		w.out.Reset()
		if _, err := h.Handle(t.Context(), Event{ModeCheck}); err != nil {
			t.Error(err)
		}
		for name := range w.metrics(t) {
			words = append(words, "| `"+name+"` |")
		}
	})
	if len(words) != 3+9 {
		t.Errorf("%d words: a metric is not written here", len(words))
	}
	for _, word := range words {
		if !strings.Contains(page, word) {
			t.Errorf("docs/operations.md does not speak of %s", word)
		}
	}
	for i := range reflect.TypeFor[settings.Canary]().NumField() {
		if f := reflect.TypeFor[settings.Canary]().Field(i); !f.Anonymous && !strings.Contains(page, "`"+f.Tag.Get("env")+"`") {
			t.Errorf("docs/operations.md does not speak of %s", f.Tag.Get("env"))
		}
	}
}
