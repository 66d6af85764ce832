package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mfawatch/audit/enforce/catalogue"
)

// choice is a flag with a few values. Another is refused before anything is done.
type choice struct {
	value *string
	of    []string
}

func (c choice) Set(text string) error {
	if !slices.Contains(c.of, text) {
		return fmt.Errorf("is not one of %s", strings.Join(c.of, ", "))
	}
	*c.value = text
	return nil
}

func (c choice) String() string {
	if c.value == nil { // as pflag makes one, to see what a zero value looks like
		return ""
	}
	return *c.value
}

func (c choice) Type() string { return "string" }

// choiceFlag adds a flag with a few values, which a shell completes. What it is preset
// with is in value.
func choiceFlag(c *cobra.Command, value *string, name, usage string, of ...string) {
	c.Flags().Var(choice{value, of}, name, usage+": "+strings.Join(of, ", "))
	completeFlag(c, name, fixed(of...))
}

// formatFlag adds --format; the first of the formats is the preset one.
func formatFlag(c *cobra.Command, format *string, formats ...string) {
	*format = formats[0]
	choiceFlag(c, format, "format", "what to print", formats...)
}

// flagError says in the house's words what pflag refuses.
func flagError(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var wrong *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return usage("there is no flag -%.1s", unknown.GetSpecifiedName())
	case errors.As(err, &unknown):
		return usage("there is no flag --%s%s", unknown.GetSpecifiedName(), orMeant("--", catalogue.Nearest(unknown.GetSpecifiedName(), flagNames(c))))
	case errors.As(err, &missing):
		return usage("--%s needs a value: %s", missing.GetFlag().Name, meaning.FindString(missing.GetFlag().Usage))
	case errors.As(err, &wrong):
		return usage("--%s %q %s", wrong.GetFlag().Name, wrong.GetValue(), refusal(wrong))
	}
	return usage("%v", err)
}

// meaning is the first thing that a flag's text says: what it is, without how it is written.
var meaning = regexp.MustCompile(`^[^;(]*[^;( ]`)

// refusal is what is wrong with a value, by what its flag takes.
func refusal(wrong *pflag.InvalidValueError) string {
	switch wrong.GetFlag().Value.Type() {
	case "int", "int64", "uint32", "float64":
		return "is not a number that can be here"
	case "bool":
		return "is neither true nor false"
	case "duration":
		return noDuration(wrong.GetValue())
	case "stringToString":
		return "is not written as NAME=VALUE"
	}
	return wrong.Unwrap().Error()
}

// noDuration says how a duration is written. A number alone may be meant as minutes or as
// seconds: nothing is guessed.
func noDuration(text string) string {
	if _, err := strconv.ParseFloat(text, 64); err != nil {
		return "is not a duration: write 90s, 15m or 12h"
	}
	return fmt.Sprintf("has no unit: write %[1]sm for minutes, or %[1]ss for seconds", text)
}

func flagNames(c *cobra.Command) (names []string) {
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

func orMeant(dashes, name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s%s?", dashes, name)
}

// argsError says in the house's words what a command does not take as arguments.
func argsError(c *cobra.Command, args []string, err error) error {
	wanted := strings.TrimPrefix(c.Use, c.Name())
	switch {
	case errors.As(err, &exit{}):
		return err
	case c.HasAvailableSubCommands():
		return usage("there is no command %q%s", args[0], orMeant("", nearestCommand(c, args[0])))
	case wanted == "":
		return usage("it takes no arguments, and %s", wereGiven(len(args)))
	case len(args) == 0:
		return usage("%s is missing", strings.TrimSpace(wanted))
	}
	return usage("it takes %s, and %s", strings.TrimSpace(wanted), wereGiven(len(args)))
}

// nearestCommand is the command of c that a word is the beginning of, or misspelt.
func nearestCommand(c *cobra.Command, word string) string {
	var names []string
	for _, sub := range c.Commands() {
		if !sub.IsAvailableCommand() {
			continue
		}
		names = append(names, sub.Name())
	}
	near := catalogue.Nearest(word, names)
	if i := slices.IndexFunc(names, func(name string) bool { return strings.HasPrefix(name, strings.ToLower(word)) }); near == "" && i >= 0 && word != "" {
		near = names[i]
	}
	if near == "" {
		return ""
	}
	return c.CommandPath() + " " + near
}

// wereGiven does not repeat arguments: one too many may be a code that somebody typed.
func wereGiven(n int) string {
	if n == 1 {
		return "1 was given"
	}
	return fmt.Sprintf("%d were given", n)
}

// oneVoice has a command and those under it refuse flags and arguments in the same words.
func oneVoice(c *cobra.Command) {
	c.SetFlagErrorFunc(flagError)
	c.InitDefaultHelpFlag()
	c.Flags().Lookup("help").Usage = "show this help"
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			err := check(c, args)
			if err != nil {
				err = argsError(c, args, err)
			}
			return err
		}
	}
	c.Example = strings.Trim(c.Example, "\n")
	for _, sub := range c.Commands() {
		oneVoice(sub)
	}
}
