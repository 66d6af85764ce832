package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"mfawatch/audit/config"
)

// newConfig is the parent of what deals with mfawatch.yaml.
func newConfig(t terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "mfawatch.yaml: what is deployed, and what the functions in AWS go by",
		Long: strings.TrimSpace(`
mfawatch.yaml says where mfawatch is deployed, who is told, and by which rules.
docs/config.md lists every key with its default and why.`),
		Example: "  mfawatch config init --profile security\n  mfawatch config check",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newConfigInit(t), newConfigCheck(t), newConfigSchema(t), newConfigCompile(t))
	return c
}

func newConfigSchema(t terminal) *cobra.Command {
	var file, format string
	c := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of mfawatch.yaml, for an editor",
		Long: strings.TrimSpace(`
Prints the JSON Schema (draft 2020-12) of mfawatch.yaml as one document. An
editor with the YAML language server finds it by a first line such as

  # yaml-language-server: $schema=mfawatch.schema.json`),
		Example: "  mfawatch config schema -o mfawatch.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			text, err := schemaText(format)
			if err != nil {
				return err
			}
			if err := writeText(t, file, text); err != nil {
				return cannotRun(fmt.Errorf("the schema: %w", err))
			}
			return nil
		},
	}
	formatFlag(c, &format, "json", "markdown")
	c.Flags().VarP((*fileName)(&file), "output", "o", "write this file in place of what it held, readable by you only; - prints")
	return c
}

func schemaText(format string) (string, error) {
	if format == "markdown" { // docs/config.md
		return configPage()
	}
	text, err := config.BundledSchema()
	return string(text), err
}

// overriding are the keys of -c, as cdk takes them.
type overriding []string

func (o *overriding) add(c *cobra.Command) {
	c.Flags().StringArrayVarP((*[]string)(o), "context", "c", nil, "KEY=VALUE in place of what the file says, as for cdk: trail.create.object_lock=governance; can be given again")
}

func (o *overriding) read() ([]config.Override, error) {
	var all []config.Override
	for _, text := range *o {
		key, value, found := strings.Cut(text, "=")
		if !found || key == "" {
			return nil, usage("-c %q is not KEY=VALUE: write -c retention.logs=90d", text)
		}
		all = append(all, config.Override{Key: key, Value: value})
	}
	return all, nil
}

// readNamed is a file's content, or standard input's where it is called -.
func readNamed(t terminal, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(t.in)
	}
	return os.ReadFile(name)
}

// source is mfawatch.yaml as it is read for a command. What it names is beside it,
// and of standard input in the current folder.
func source(t terminal, name string, overrides []config.Override) (config.Source, error) {
	data, err := readNamed(t, name)
	if err != nil {
		if os.IsNotExist(err) {
			return config.Source{}, cannotRun(fmt.Errorf("the configuration: %w: name another file, or write this one with 'mfawatch config init'", err))
		}
		return config.Source{}, cannotRun(fmt.Errorf("the configuration: %w", err))
	}
	return config.Source{Name: name, Data: data, Overrides: overrides, Folder: os.DirFS(filepath.Dir(name))}, nil
}

// readConfig reads mfawatch.yaml for a deployment, and the rules in it. What is wrong
// with the files that it names is told when it is right itself.
func readConfig(t terminal, name string, overrides []config.Override) (config.Deployment, config.File, error) {
	s, err := source(t, name, overrides)
	if err != nil {
		return config.Deployment{}, config.File{}, err
	}
	d, err := config.ReadDeployment(name, s.Data, overrides...)
	if err != nil {
		return config.Deployment{}, config.File{}, exit{exitUsage, err}
	}
	rules, err := s.File()
	if err != nil {
		return config.Deployment{}, config.File{}, exit{exitUsage, err}
	}
	return d, rules, nil
}
