#!/usr/bin/env bash
# Installs what judges the formats of an audit, into .cache/acceptance of this
# clone: a virtual environment, the XML schema of JUnit files and Microsoft's
# SARIF multitool. What is there in the right version is left alone.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=$here/../../.cache/acceptance
venv=$cache/venv-formats
peers=$cache/formats
mkdir -p "$peers"

# The schema that Jenkins' xUnit plugin publishes comes with pytest's sources,
# which are tested against it.
pytest=9.2.0
xsd=$peers/junit-10.xsd
xsd_sha256=a1a816f58d1bf95ebabf371994df0b9246dee66ea9572fbec4f9296f1b2c0ff6

apt_install() {
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@"
}

python3 -c 'import ensurepip' 2>/dev/null || apt_install python3-venv
command -v npm >/dev/null || apt_install npm

if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
  echo "acceptance: installing the judges of ocsf, asff, sarif and junit"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/installed.txt"
fi

if ! echo "$xsd_sha256  $xsd" | sha256sum --check --quiet 2>/dev/null; then
  echo "acceptance: fetching the schema of junit files"
  sources=$(mktemp -d)
  trap 'rm -rf "$sources"' EXIT
  "$venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --no-binary pytest "pytest==$pytest" --dest "$sources"
  tar -xzf "$sources/pytest-$pytest.tar.gz" -O "pytest-$pytest/testing/example_scripts/junit-10.xsd" > "$xsd"
  echo "$xsd_sha256  $xsd" | sha256sum --check --quiet
fi

multitool=$peers/node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool
if ! cmp -s "$here/package.json" "$peers/package.json" || ! [ -x "$multitool" ]; then
  echo "acceptance: installing a second judge of sarif"
  rm -rf "$peers/node_modules" "$peers/package.json"
  cp "$here/package.json" "$peers/package.json"
  npm install --prefix "$peers" --silent --no-audit --no-fund --no-package-lock
  chmod +x "$multitool" # npm leaves it as it is in the package: not executable
fi
