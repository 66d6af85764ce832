package config

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The lengths of L, W and # over the calendar's 400 years were counted with Python's
// datetime and calendar.
func TestDistances(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		expression  string
		least, most time.Duration
	}{
		{"rate(1 day)", day, day},
		{"rate(12 hours)", 12 * time.Hour, 12 * time.Hour},
		{"rate(90 minutes)", 90 * time.Minute, 90 * time.Minute},
		{"rate(1 minute)", time.Minute, time.Minute},
		{"cron(0 6 * * ? *)", day, day},
		{"cron(0 0 ? * * *)", day, day},
		{"cron(0 6,18 * * ? *)", 12 * time.Hour, 12 * time.Hour},
		{"cron(0 6,10 * * ? *)", 4 * time.Hour, 20 * time.Hour},
		{"cron(0 */4 * * ? *)", 4 * time.Hour, 4 * time.Hour},
		{"cron(0 1/6 * * ? *)", 6 * time.Hour, 6 * time.Hour},
		{"cron(0 9-17/4 * * ? *)", 4 * time.Hour, 16 * time.Hour},
		{"cron(15,45 6 * * ? *)", 30 * time.Minute, day - 30*time.Minute},
		{"cron(* * * * ? *)", time.Minute, time.Minute},
		{"cron(0 6 ? * MON-FRI *)", day, 3 * day},
		{"cron(0 6 ? * mon,wed *)", 2 * day, 5 * day},
		{"cron(0 6 ? * 2 *)", 7 * day, 7 * day},
		{"cron(0 6 ? * L *)", 7 * day, 7 * day},
		{"cron(0 6 ? * SUN-SAT/2 *)", day, 2 * day},
		{"cron(0 6 1 * ? *)", 28 * day, 31 * day},
		{"cron(0 6 31 * ? *)", 31 * day, 61 * day},
		{"cron(0 6 L * ? *)", 28 * day, 31 * day},
		{"cron(0 6 1,15 * ? *)", 14 * day, 17 * day},
		{"cron(0 6 29 2 ? *)", 1461 * day, 2921 * day},
		{"cron(0 6 1 JAN,JUL ? *)", 181 * day, 184 * day},
		{"cron(0 6 1 */3 ? *)", 90 * day, 92 * day},
		{"cron(0 6 1W * ? *)", 28 * day, 33 * day},
		{"cron(0 6 30W 4 ? *)", 364 * day, 368 * day},
		{"cron(0 6 15W * ? *)", 28 * day, 32 * day},
		{"cron(0 6 31W * ? *)", 29 * day, 63 * day},
		{"cron(0 6 ? * 6L *)", 28 * day, 35 * day},
		{"cron(0 6 ? * 2#1 *)", 28 * day, 35 * day},
		{"cron(0 6 ? 1 FRI#5 *)", 364 * day, 1827 * day},
	} {
		least, most, err := distances(c.expression)
		if err != nil || least != c.least || most != c.most {
			t.Errorf("distances(%s) = %v, %v, %v, want %v, %v", c.expression, least, most, err, c.least, c.most)
		}
	}
}

func TestDistancesRefused(t *testing.T) {
	for expression, want := range map[string]string{
		"rate(day)":                 "write a number and a unit",
		"rate(1  day)":              "write a number and a unit",
		"rate(0 days)":              "no number from 1 to 9999",
		"rate(-1 days)":             "no number from 1 to 9999",
		"rate(+1 day)":              "no number from 1 to 9999",
		"rate(01 day)":              "no number from 1 to 9999",
		"rate(1.5 days)":            "no number from 1 to 9999",
		"rate(10000 days)":          "no number from 1 to 9999",
		"rate(1 days)":              "write 1 day",
		"rate(2 day)":               "write 2 days",
		"rate(1 week)":              `"week" is no unit`,
		"rate(30 seconds)":          `"seconds" is no unit`,
		"rate()":                    "write a number and a unit",
		"cron()":                    "has 0 fields",
		"cron(0 6 * * *)":           "has 5 fields",
		"cron(0 6 * * ? * *)":       "has 7 fields",
		"cron(0  6 * * ? *)":        "with single blanks",
		"cron(0  6 * ? *)":          "has 5 fields, want six with single blanks",
		"cron(0 6 * * * *)":         "exactly one of day of month and day of week is ?",
		"cron(0 6 ? * ? *)":         "exactly one of day of month and day of week is ?",
		"cron(0 6 1 * MON *)":       "exactly one of day of month and day of week is ?",
		"cron(60 6 * * ? *)":        `minutes: "60" cannot be read; from 0 to 59`,
		"cron(0 24 * * ? *)":        `hours: "24" cannot be read; from 0 to 23`,
		"cron(0 6 0 * ? *)":         `day of month: "0" cannot be read; from 1 to 31`,
		"cron(0 6 32 * ? *)":        `day of month: "32"`,
		"cron(0 6 * 0 ? *)":         `month: "0"`,
		"cron(0 6 * 13 ? *)":        `month: "13"`,
		"cron(0 6 * JANUARY ? *)":   `month: "JANUARY"`,
		"cron(0 6 ? * 0 *)":         `day of week: "0"`,
		"cron(0 6 ? * 8 *)":         `day of week: "8"`,
		"cron(0 6 ? * FRI-MON *)":   `day of week: "FRI-MON"`,
		"cron(? 6 * * ? *)":         `minutes: "?"`,
		"cron(0 6 * ? ? *)":         `month: "?"`,
		"cron(0 18-6 * * ? *)":      `hours: "18-6"`,
		"cron(0/0 6 * * ? *)":       `minutes: "0/0"`,
		"cron(0/60 6 * * ? *)":      `minutes: "0/60"`,
		"cron(0, 6 * * ? *)":        `minutes: ""`,
		"cron(-1 6 * * ? *)":        `minutes: "-1"`,
		"cron(+1 6 * * ? *)":        `minutes: "+1"`,
		"cron(0 6 32W * ? *)":       `day of month: "32W"`,
		"cron(0 6 LW * ? *)":        `day of month: "LW"`,
		"cron(0 6 L-3 * ? *)":       `day of month: "L-3"`,
		"cron(0 6 ? * 8L *)":        `day of week: "8L"`,
		"cron(0 6 ? * 2#6 *)":       `day of week: "2#6"`,
		"cron(0 6 ? * 8#1 *)":       `day of week: "8#1"`,
		"cron(0 6 ? * 2#1,3#1 *)":   `day of week: "2#1`,
		"cron(0 6 * * ? 2027)":      "the year is 2027: write *",
		"cron(0 6 * * ? 2026-2199)": "the year is 2026-2199: write *",
		"cron(0 6 31 2 ? *)":        "it never runs",
		"cron(0 6 31 4,6,9,11 ? *)": "it never runs",
		"cron(0 6 31W 2 ? *)":       "it never runs",
	} {
		_, _, err := distances(expression)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("distances(%s): error %v, want %s", expression, err, want)
		}
	}
}

// TestCronNames: names are the numbers, whatever their case.
func TestCronNames(t *testing.T) {
	for i, name := range []string{"JAN", "feb", "MAR", "Apr", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "dec"} {
		named, err := parseCron("0 6 1 " + name + " ? *")
		numbered, err2 := parseCron(fmt.Sprintf("0 6 1 %d ? *", i+1))
		if err != nil || err2 != nil || named != numbered || named.months != 1<<(i+1) {
			t.Errorf("%s is %+v (%v), month %d %+v (%v)", name, named, err, i+1, numbered, err2)
		}
	}
	for i, name := range []string{"SUN", "mon", "TUE", "Wed", "THU", "FRI", "sat"} {
		named, err := parseCron("0 6 ? * " + name + " *")
		numbered, err2 := parseCron(fmt.Sprintf("0 6 ? * %d *", i+1))
		if err != nil || err2 != nil || named != numbered || named.weekdays != 1<<(i+1) {
			t.Errorf("%s is %+v (%v), day %d %+v (%v)", name, named, err, i+1, numbered, err2)
		}
		last, err := parseCron("0 6 ? * " + name + "L *")
		third, err2 := parseCron("0 6 ? * " + name + "#3 *")
		if err != nil || err2 != nil || last.lastWeekday != i+1 || third.nthWeekday != i+1 || third.nth != 3 {
			t.Errorf("%sL is %+v (%v), %s#3 %+v (%v)", name, last, err, name, third, err2)
		}
	}
}

// TestCalendar: the days are those of package time.
func TestCalendar(t *testing.T) {
	at, n := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC), 0
	for i, d := range calendar() {
		want := date{int(at.Month()), at.Day(), int(at.Weekday()) + 1, at.AddDate(0, 1, -at.Day()).Day()}
		if i != n || d != want {
			t.Fatalf("day %d is %+v, want %+v, day %d", i, d, want, n)
		}
		at, n = at.AddDate(0, 0, 1), n+1
	}
	if n != cycle || at.Year() != 2401 {
		t.Errorf("%d days, until %v, want %d", n, at, cycle)
	}
}
