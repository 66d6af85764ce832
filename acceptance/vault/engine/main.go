// Command engine runs Vault's own TOTP engine, two nodes over one storage in memory, and
// answers requests that come as lines of JSON on standard input. It judges nothing: what
// is asked, and what is made of the answers, is the acceptance test's.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/hashicorp/vault/builtin/logical/totp"
	"github.com/hashicorp/vault/sdk/logical"
)

type request struct {
	Node int            `json:"node"`
	Op   string         `json:"op"` // read, update, list, delete, or restart
	Path string         `json:"path"`
	Data map[string]any `json:"data"`
}

type answer struct {
	Data  map[string]any `json:"data,omitempty"`
	Error string         `json:"error,omitempty"`
}

type engine struct {
	storage logical.Storage
	nodes   [2]logical.Backend
}

func main() {
	if err := run(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "engine:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, in io.Reader, out io.Writer) error {
	e := &engine{storage: &logical.InmemStorage{}}
	for node := range e.nodes {
		if err := e.start(ctx, node); err != nil {
			return err
		}
	}
	requests, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var q request
		if err := requests.Decode(&q); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if q.Node < 0 || q.Node >= len(e.nodes) {
			return fmt.Errorf("node %d is none of %d", q.Node, len(e.nodes))
		}
		if err := answers.Encode(e.answer(ctx, q)); err != nil {
			return err
		}
	}
}

// start makes a node as a process that starts does: its storage is there already.
func (e *engine) start(ctx context.Context, node int) error {
	b, err := totp.Factory(ctx, &logical.BackendConfig{StorageView: e.storage, System: &logical.StaticSystemView{}})
	e.nodes[node] = b
	return err
}

func (e *engine) answer(ctx context.Context, q request) answer {
	if q.Op == "restart" {
		if err := e.start(ctx, q.Node); err != nil {
			return answer{Error: err.Error()}
		}
		return answer{}
	}
	r, err := e.nodes[q.Node].HandleRequest(ctx, &logical.Request{Operation: logical.Operation(q.Op), Path: q.Path, Data: q.Data, Storage: e.storage})
	switch {
	case r != nil && r.IsError():
		return answer{Error: r.Error().Error()}
	case err != nil:
		return answer{Error: err.Error()}
	case r == nil:
		return answer{}
	}
	return answer{Data: r.Data}
}
