#!/usr/bin/env bash
# Builds Vault's own TOTP engine (MPL-2.0, the last release under it that builds as a
# library) and a program over HashiCorp's client library, each in a module of its own:
# neither is linked into what ships.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$PWD/.cache/acceptance/vault
for program in engine client; do
  (cd "acceptance/vault/$program" && GOFLAGS=-mod=readonly go build -trimpath -o "$out/$program" .)
  test -x "$out/$program"
done
