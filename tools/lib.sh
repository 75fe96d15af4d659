# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
# Shared by the scripts in tools/: source it, then the working directory is the top of the tree.
# shellcheck shell=bash
set -euEo pipefail
trap 'printf "%s: stopped at line %d: %s\n" "$0" "$LINENO" "$BASH_COMMAND" >&2' ERR

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Downloads, package caches and ccache. Kept apart so that CI can hold them between fresh clones.
CACHE=${STREAMDUCK_CACHE:-$PWD/build/cache}

say() { printf '%s\n' "$*"; }
die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# run_quiet TEXT COMMAND…: says what is being done, shows a sign of life while it lasts, prints the output only when the
# command fails.
run_quiet() {
  local text=$1 log started=$SECONDS rc=0
  shift
  mkdir -p build
  log=$(mktemp build/.log.XXXXXX)
  printf '%s … ' "$text"
  "$@" >"$log" 2>&1 &
  local pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    for _ in 1 2 3 4 5 6 7 8 9 10; do
      sleep 0.2
      kill -0 "$pid" 2>/dev/null || break
    done
    if kill -0 "$pid" 2>/dev/null; then printf '.'; fi
  done
  wait "$pid" || rc=$?
  if [ "$rc" -ne 0 ]; then
    printf ' failed after %d s\n' $((SECONDS - started))
    tail -n 40 "$log" >&2
    rm -f "$log"
    return "$rc"
  fi
  printf ' %d s\n' $((SECONDS - started))
  rm -f "$log"
}
