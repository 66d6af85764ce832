package main

import "github.com/spf13/cobra"

// newConfig is the parent of what deals with mfawatch.yaml.
func newConfig(t terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "mfawatch.yaml, what the functions in AWS go by",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newConfigCompile(t))
	return c
}
