#!/usr/bin/env bash
# Tells whether a Chromium on this machine can be driven through its debug port.
set -euo pipefail
port=${1:-9222}
[[ $port =~ ^[0-9]{2,5}$ ]] || { echo "not a port: $port" >&2; exit 2; }
if version=$(curl --fail --silent --max-time 3 "http://127.0.0.1:$port/json/version"); then
  echo "a browser listens on port $port:"
  echo "$version"
else
  echo "no browser listens on port $port; start one with:"
  echo "  chromium --headless=new --remote-debugging-address=127.0.0.1 --remote-debugging-port=$port"
  exit 1
fi
