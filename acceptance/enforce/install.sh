#!/usr/bin/env bash
# Installs the judge of policies, a process of its own that is used in development
# only: it is under the AGPL, and nothing of it is linked, copied or shipped.
set -euo pipefail
cd "$(dirname "$0")"
wanted=$(node -p 'require("./package.json").dependencies["@cloud-copilot/iam-simulate"]')
have=$(node -p 'require("./node_modules/@cloud-copilot/iam-simulate/package.json").version' 2>/dev/null || true)
[ "$wanted" = "$have" ] || npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
