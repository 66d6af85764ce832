#!/usr/bin/env bash
# Installs the peers of one-time codes and their URIs that package managers have inside
# the clone, and looks for the others: oathtool, pass with its extension, zbarimg,
# qrencode, which acceptance/install.sh installs.
set -euo pipefail
cd "$(dirname "$0")"
wanted=$(node -p 'require("./package.json").dependencies["otpauth-migration"]')
have=$(node -p 'require("./node_modules/otpauth-migration/package.json").version' 2>/dev/null || true)
[ "$wanted" = "$have" ] || npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
# The package is published for bundlers: Node alone does not find its parts.
node_modules/.bin/esbuild migrate.mjs --bundle --platform=node --format=esm --log-level=error --outfile=../../.cache/acceptance/migrate.mjs
venv=../../.cache/acceptance/venv-otp
if ! cmp -s requirements.txt "$venv/installed.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r requirements.txt
  cp requirements.txt "$venv/installed.txt"
fi
"$venv/bin/python" -c 'import pyotp'
pass otp --help >/dev/null || { echo "acceptance: pass has no otp: install pass-extension-otp" >&2; exit 1; }
