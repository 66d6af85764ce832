#!/usr/bin/env bash
# Installs what drives the HTML report: Chromium and playwright-core, which
# brings no browser of its own. What is there already is left alone; what cannot
# be had is an error.
set -euo pipefail
cd "$(dirname "$0")"
missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing: ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi
wanted=$(node -p 'require("./package.json").dependencies["playwright-core"]')
have=$(node -p 'require("./node_modules/playwright-core/package.json").version' 2>/dev/null || true)
[ "$wanted" = "$have" ] || npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
for program in chromium node; do
  command -v "$program" >/dev/null || { echo "acceptance: $program is missing: install it" >&2; exit 1; }
done
