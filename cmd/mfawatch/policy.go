package main

import "github.com/spf13/cobra"

// newPolicy is the parent of what deals with policy documents.
func newPolicy(t terminal) *cobra.Command {
	c := &cobra.Command{
		Use:     "policy",
		Short:   "IAM policies that ask for a second factor",
		Example: "  mfawatch policy explain policy.json\n  mfawatch policy generate --guardrail self-service",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newPolicyGenerate(t), newPolicyExplain(t))
	return c
}
