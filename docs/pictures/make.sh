#!/usr/bin/env bash
# Makes the pictures of the README anew: a real transcript of a terminal of 100 columns,
# and a real screenshot of the demo's report. Wants script (util-linux), Chromium and the
# network for the first run; a test holds the transcript to what the program prints.
set -euo pipefail
cd "$(dirname "$0")"
FREEZE=github.com/charmbracelet/freeze@v0.2.2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

(cd ../.. && CGO_ENABLED=0 go build -trimpath -o "$work/mfawatch" ./cmd/mfawatch)
(cd "$work" && PATH="$work:$PATH" && mfawatch demo --write demo >/dev/null &&
  TERM=xterm-256color script -qec "stty cols 100 rows 60; $(cat "$OLDPWD/scan.sh") 2>/dev/null" /dev/null > out.ansi || true)
{ printf '\033[1m$ %s\033[0m\n' "$(cat scan.sh)"; tr -d '\r' < "$work/out.ansi"; } > "$work/scan.ansi"
go run "$FREEZE" --language ansi --font.family "ui-monospace, monospace" --font.size 13 --line-height 1.3 --padding 20 -o scan.svg "$work/scan.ansi" >/dev/null

(cd "$work" && ./mfawatch audit --from demo/exported --exemptions demo/exported/exemptions.yaml --taken-at 2026-11-20T12:00:00Z -o report.html >/dev/null || true)
chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1280,920 --screenshot="$PWD/report.png" "file://$work/report.html" >/dev/null 2>&1
ls -l scan.svg report.png
