#!/usr/bin/env bash
# Writes what the program tells of itself, man pages and completions, into a folder.
set -euo pipefail
to="$1"
mkdir -p "$to/man" "$to/completions"
go build -o "$to/mfawatch" ./cmd/mfawatch
for shell in bash zsh fish; do
  "$to/mfawatch" completion "$shell" > "$to/completions/mfawatch.$shell"
done
# "$to/mfawatch" man "$to/man" # when the command is there
rm "$to/mfawatch"
