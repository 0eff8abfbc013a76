#!/usr/bin/env bash
# Builds what is shipped, into dist/: the wheel, and the VS Code extension with the wheel in it.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly EXTENSION=vscode-extension BUNDLED=vscode-extension/bundled

rm -rf dist "$BUNDLED" "$EXTENSION/schemas"
.venv/bin/python -m hatchling build -t wheel -d dist >/dev/null

# The extension installs its own server from these, where the user has none.
mkdir -p "$BUNDLED"
cp dist/*.whl "$BUNDLED/"
cp requirements/runtime.txt "$BUNDLED/requirements.txt"
cp LICENSE "$EXTENSION/"
mkdir -p "$EXTENSION/schemas"
.venv/bin/otp-genesis schema >"$EXTENSION/schemas/pipeline.schema.json"

version=$(.venv/bin/python -c 'from otp_genesis_server import VERSION; print(VERSION)')
(cd "$EXTENSION" && node_modules/.bin/vsce package --no-dependencies --allow-missing-repository \
  --out "../dist/otp-genesis-$version.vsix" >/dev/null)

du --apparent-size --block-size=kB dist/*
