#!/usr/bin/env bash
# Everything that `npm test` checks: the build, lint, format and types, then all tests.
set -euo pipefail
cd "$(dirname "$0")/.."

step() {
  printf '\n== %s\n' "$1"
  shift
  "$@"
}

# The tests run against real servers, proxies and a real browser: command, and the Debian package that has it.
PATH=$PATH:/usr/sbin
missing=()
for tool in nats-server:nats-server redis-server:redis-server chromium:chromium curl:curl haproxy:haproxy \
  nginx:nginx openssl:openssl ip:iproute2 iptables:iptables; do
  command -v "${tool%%:*}" > /dev/null || missing+=("${tool##*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
  install="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get > /dev/null; then
    echo "npm test needs ${missing[*]}; as root: $install" >&2
    exit 1
  fi
  echo "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq > /dev/null
  apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
fi
# What checks files of deploy and examples. Where these cannot be had, the tests that need them are skipped, by name and with the reason.
checkers=()
for tool in promtool:prometheus docker-compose:docker-compose php:php-cli; do
  command -v "${tool%%:*}" > /dev/null || checkers+=("${tool##*:}")
done
# A PHP without curl is no use: the example publishes with it.
php -r 'exit(function_exists("curl_init") ? 0 : 1);' 2> /dev/null || checkers+=(php-curl)
if [ ${#checkers[@]} -gt 0 ] && [ "$(id -u)" -eq 0 ] && command -v apt-get > /dev/null; then
  echo "installing ${checkers[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq > /dev/null || echo "the lists of packages could not be fetched" >&2
  # Each by itself: one that cannot be had here is no reason to go without the others.
  for package in "${checkers[@]}"; do
    apt-get install -y -qq --no-install-recommends "$package" > /dev/null \
      || echo "$package could not be installed, so tests that need it are skipped" >&2
  done
fi
# Debian's own, where it is older, is not for streams with replicas.
scripts/newer-nats.sh

step 'build' npm run --silent build
step 'lint' npm run --silent lint
step 'format' npm run --silent format:check
step 'types' npm run --silent typecheck
# Last, so that its totals are the last line.
step 'tests' npx vitest run "$@"
