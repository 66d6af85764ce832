package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mfawatch/internal/partition"
)

// assembly is what the cdk command synthesized (cloud assembly schema).
type assembly struct {
	Artifacts map[string]struct {
		Type         string
		Environment  string // aws://ACCOUNT/REGION
		Dependencies []string
		Properties   struct {
			TemplateFile          string
			StackName             string
			TerminationProtection bool
		}
	}
}

type stackTemplate struct {
	Resources map[string]struct {
		Type           string
		DeletionPolicy string
		Properties     map[string]any
	}
}

// kept is a resource that outlives its stack, and how CloudFormation is told of it
// when it is taken back (CloudFormation user guide, resource import).
type kept struct {
	id, kind, property, name string
}

// identifiers are the properties that name a resource to an import. Kinds that are
// not here cannot be imported, or are made anew without loss.
var identifiers = map[string]string{
	"AWS::S3::Bucket": "BucketName", "AWS::S3::BucketPolicy": "Bucket", "AWS::DynamoDB::Table": "TableName", "AWS::Logs::LogGroup": "LogGroupName",
	"AWS::KMS::Key": "KeyId", "AWS::KMS::Alias": "AliasName", "AWS::SNS::Topic": "TopicArn", "AWS::IAM::Group": "GroupName",
}

// destroyDryRun tells what deleting the stacks would delete and what would stay,
// from the templates alone: it asks nothing of AWS.
func destroyDryRun(dir string, out io.Writer) error {
	var a assembly
	if err := readJSON(filepath.Join(dir, "manifest.json"), &a); err != nil {
		return fmt.Errorf("%w: run make synth first", err)
	}
	stacks := a.lastFirst()
	if len(stacks) == 0 {
		return fmt.Errorf("%s holds no stack: run make synth first", dir)
	}
	fmt.Fprintln(out, "Nothing is deleted. cdk destroy would take the stacks in this order:")
	for _, name := range stacks {
		if err := a.tell(dir, name, out); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, "\nTo go on, in this order (docs/uninstall.md):")
	for _, name := range stacks {
		region := a.Artifacts[name].Environment[strings.LastIndex(a.Artifacts[name].Environment, "/")+1:]
		fmt.Fprintf(out, "  aws cloudformation update-termination-protection --no-enable-termination-protection --region %s --stack-name %s\n", region, name)
	}
	fmt.Fprintln(out, "  make cdk ARGS='destroy --all'")
	return nil
}

// lastFirst are the stacks, those that others need last.
func (a assembly) lastFirst() []string {
	var order []string
	var visit func(name string)
	visit = func(name string) {
		art, there := a.Artifacts[name]
		if !there || art.Type != "aws:cloudformation:stack" || slices.Contains(order, name) {
			return
		}
		for _, needed := range slices.Sorted(slices.Values(art.Dependencies)) {
			visit(needed)
		}
		order = append(order, name)
	}
	for _, name := range slices.Sorted(keys(a.Artifacts)) {
		visit(name)
	}
	slices.Reverse(order)
	return order
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func (a assembly) tell(dir, name string, out io.Writer) error {
	art := a.Artifacts[name]
	var t stackTemplate
	if err := readJSON(filepath.Join(dir, art.Properties.TemplateFile), &t); err != nil {
		return err
	}
	stay, deleted := t.kept()
	fmt.Fprintf(out, "\n%s (%s): %d resources deleted, %d kept\n", name, art.Environment, deleted, len(stay))
	for _, k := range stay {
		fmt.Fprintf(out, "  kept  %-22s %s\n", k.kind, k.name)
	}
	if t.has("AWS::CloudFormation::StackSet") {
		fmt.Fprintln(out, "  and, by its StackSet, the rules and roles in every member account; the management account's are deleted by hand\n  (docs/uninstall.md, an organisation's members)")
	}
	mapping := map[string]map[string]string{}
	for _, k := range stay {
		switch k.property {
		case "":
		case "TopicArn":
			mapping[k.id] = map[string]string{k.property: topicARN(art.Environment, k.name)}
		case "KeyId": // AWS chose it
			mapping[k.id] = map[string]string{k.property: "KEY-ID: aws kms describe-key --key-id ALIAS --query KeyMetadata.KeyId"}
		default:
			mapping[k.id] = map[string]string{k.property: k.name}
		}
	}
	if len(mapping) > 0 {
		text, err := json.Marshal(mapping)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "  to take it back: write this to adopt.json and run make cdk ARGS='import %s --resource-mapping adopt.json'\n  %s\n", name, text)
	}
	return nil
}

// topicARN is the ARN of a topic in an environment: aws://ACCOUNT/REGION.
func topicARN(environment, name string) string {
	account, region, _ := strings.Cut(strings.TrimPrefix(environment, "aws://"), "/")
	return "arn:" + partition.Of(region).ID + ":sns:" + region + ":" + account + ":" + name
}

func (t stackTemplate) has(kind string) bool {
	for _, r := range t.Resources {
		if r.Type == kind {
			return true
		}
	}
	return false
}

// kept are the resources that stay, and how many do not.
func (t stackTemplate) kept() (stay []kept, deleted int) {
	for id, r := range t.Resources {
		if r.DeletionPolicy != "RetainExceptOnCreate" {
			deleted++
			continue
		}
		k := kept{id: id, kind: strings.TrimPrefix(r.Type, "AWS::"), property: identifiers[r.Type], name: id}
		if name := t.name(r.Properties); name != "" {
			k.name = name
		}
		stay = append(stay, k)
	}
	slices.SortFunc(stay, func(a, b kept) int { return cmp.Or(strings.Compare(a.kind, b.kind), strings.Compare(a.id, b.id)) })
	return stay, deleted
}

// name is what people call a resource, "" where its properties say nothing of it.
// A bucket's policy says its bucket by a reference.
func (t stackTemplate) name(properties map[string]any) string {
	if to, ok := properties["Bucket"].(map[string]any); ok {
		id, _ := to["Ref"].(string)
		return t.name(t.Resources[id].Properties)
	}
	for _, property := range []string{"BucketName", "TableName", "LogGroupName", "AliasName", "TopicName", "GroupName", "Description"} {
		if name, ok := properties[property].(string); ok {
			return name
		}
	}
	return ""
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
