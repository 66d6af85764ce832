package main

import "github.com/spf13/cobra"

// policyCommand is the parent of what deals with policy documents.
func policyCommand(t terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "policy",
		Short: "IAM policy documents about MFA",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(policyExplain(t))
	return c
}
