#!/usr/bin/env bash
# Installs DynamoDB Local, AWS's own, into the clone's cache. It needs Java 17 or
# later and Maven.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
lib=$here/../../.cache/acceptance/dynamodb
missing=()
command -v java >/dev/null || missing+=(openjdk-17-jre-headless)
command -v mvn >/dev/null || missing+=(maven)
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing: ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
if ! cmp -s "$here/pom.xml" "$lib/pom.xml"; then
  echo "acceptance: installing DynamoDB Local"
  rm -rf "$lib"
  mkdir -p "$lib"
  mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$lib"
  cp "$here/pom.xml" "$lib/pom.xml"
fi
ls "$lib"/DynamoDBLocal-*.jar >/dev/null
