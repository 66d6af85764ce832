#!/usr/bin/env bash
# Puts the Node that the CDK runs on, and the cdk command, into .cache/node, in the
# versions of package-lock.json. It prints the folder to put on PATH. Folders that
# begin with a dot are left alone by the go command; node_modules below infra would
# not be, and holds .go files.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
to="$(cd "$here/../.." && pwd)/.cache/node"
bin="$to/node_modules/.bin"
if ! cmp -s "$here/package-lock.json" "$to/installed" || ! "$bin/node" --version >/dev/null 2>&1; then
  if ! command -v npm >/dev/null; then
    [ "$(id -u)" = 0 ] || { echo "npm is missing: install Node with npm (22 or newer)" >&2; exit 1; }
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm; } >&2
  fi
  rm -rf "$to" && mkdir -p "$to"
  cp "$here/package.json" "$here/package-lock.json" "$to/"
  (cd "$to" && npm ci --no-audit --no-fund --loglevel=error >&2)
  "$bin/node" --version >/dev/null || { echo "the Node of package node does not run here" >&2; exit 1; }
  cp "$here/package-lock.json" "$to/installed"
fi
echo "$bin"
