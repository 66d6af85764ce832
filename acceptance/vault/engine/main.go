package main

import (
	"context"
	"fmt"

	vaulttotp "github.com/hashicorp/vault/builtin/logical/totp"
	"github.com/hashicorp/vault/sdk/logical"
)

func main() {
	b, err := vaulttotp.Factory(context.Background(), &logical.BackendConfig{StorageView: &logical.InmemStorage{}, System: &logical.StaticSystemView{}})
	fmt.Println(b, err)
}
