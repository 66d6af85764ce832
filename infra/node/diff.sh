#!/usr/bin/env bash
# diff.sh NEW [OLD]: what differs between two folders that cdk synth wrote, stack by
# stack, as cdk diff tells it: permissions first. Without OLD everything is new. It asks
# nothing of AWS. NEW may hold templates of an earlier synthesis: the manifest counts.
set -euo pipefail
new="$1" old="${2:-}"
none="$(mktemp)" && trap 'rm -f "$none"' EXIT
echo '{}' >"$none"

stacks() { sed -n 's/.*"templateFile": "\(.*\)\.template\.json".*/\1/p' "$1/manifest.json"; }

for folder in "$new" ${old:+"$old"}; do
  [ -f "$folder/manifest.json" ] || { echo "$folder is no cdk.out, and no copy of one" >&2; exit 1; }
done
changed=0
for name in $({ stacks "$new"; [ -z "$old" ] || stacks "$old"; } | sort -u); do
  before="$none"
  if [ -n "$old" ] && stacks "$old" | grep -qx "$name"; then before="$old/$name.template.json"; fi
  if ! stacks "$new" | grep -qx "$name"; then
    echo "Stack $name is not there any more"
  elif cmp -s "$before" "$new/$name.template.json"; then
    continue
  else # a dashboard is one line
    cdk diff --app "$new" --exclusively "$name" --template "$before" 2>&1 | grep -vE '^$|Number of stacks with differences' | sed 's/^\(.\{1000\}\).*/\1 …/'
  fi
  changed=$((changed + 1))
done
echo "$changed stacks differ"
