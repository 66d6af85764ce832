#!/usr/bin/env bash
# Writes what the program tells of itself, man pages and completions, into a folder:
# pages.sh FOLDER VERSION SECONDS, the seconds since 1970 being the commit's.
set -euo pipefail
to="$1"
mkdir -p "$to/man" "$to/completions"
CGO_ENABLED=0 go build -trimpath -buildvcs=true -ldflags "-s -w -X main.version=$2" -o "$to/mfawatch" ./cmd/mfawatch
for shell in bash zsh fish; do
  "$to/mfawatch" completion "$shell" > "$to/completions/mfawatch.$shell"
done
SOURCE_DATE_EPOCH="$3" "$to/mfawatch" man "$to/man" 2>/dev/null
rm "$to/mfawatch"
