#!/usr/bin/env bash
# Builds Vault's own TOTP engine (MPL-2.0, the last release under it that builds as a
# library) and a program over HashiCorp's client library, each in a module of its own:
# neither is linked into what ships. And installs hvac, the Python client.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$PWD/.cache/acceptance/vault
for program in engine client; do
  (cd "acceptance/vault/$program" && GOFLAGS=-mod=readonly go build -trimpath -o "$out/$program" .)
  test -x "$out/$program"
done
venv=.cache/acceptance/venv-vault
if ! cmp -s acceptance/vault/requirements.txt "$venv/installed.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r acceptance/vault/requirements.txt
  cp acceptance/vault/requirements.txt "$venv/installed.txt"
fi
"$venv/bin/python" -c 'import hvac'
