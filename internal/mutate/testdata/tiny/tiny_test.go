package tiny

import "testing"

func TestGrade(t *testing.T) {
	for _, c := range []struct {
		points  int
		cheated bool
		want    Mark
	}{{95, true, Failed}, {91, false, Praised}, {90, false, Passed}, {100, false, Praised}, {49, false, Failed}, {60, false, Passed}} {
		if got := Grade(c.points, c.cheated); got != c.want {
			t.Errorf("Grade(%d, %v) = %v, want %v", c.points, c.cheated, got, c.want)
		}
	}
}

func TestSum(t *testing.T) {
	if got := Sum(map[string]int{"ada": 1, "": 2, "nobody": 4}); got != 1 {
		t.Errorf("Sum = %d, want 1", got)
	}
}

func TestHalvings(t *testing.T) {
	if got := Halvings(9); got != 3 {
		t.Errorf("Halvings(9) = %d, want 3", got)
	}
}

func TestNames(t *testing.T) {
	if names[Passed] != "passed" || names[Failed] != "failed" {
		t.Errorf("names = %v", names)
	}
}

func TestSort(t *testing.T) {
	for code, want := range map[string]string{"": "none", "W": "written", "WW": "written", "O1": "oral", "o1": "oral", "x": "failed"} {
		if got := Sort(code).kind; got != want {
			t.Errorf("Sort(%q) = %q, want %q", code, got, want)
		}
	}
}
