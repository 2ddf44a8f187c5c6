# Sourced by the scripts of tools/: finds the workspace, and runs Bazel where a bare `bazel` would
# refuse to start.
#
# Afterwards the current directory is the workspace's root, AURORA_ROOT names it, and bazel() is a
# function.
# shellcheck shell=bash

AURORA_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)"
readonly AURORA_ROOT
cd "$AURORA_ROOT" || exit 1

die() {
  printf '%s\n' "${0##*/}: $1" "${@:2}" >&2
  exit 1
}

# Bazel dies without a user name, and a uid without a passwd entry has none.
USER="${USER:-$(id -un 2>/dev/null || echo "uid$(id -u)")}"
export USER

# Tells whether Bazel may keep its files below the directory $1: it must be writable and outside the
# workspace, because `//...` would walk into Bazel's own files otherwise.
fit_for_bazel() {
  local path
  [ -n "$1" ] && mkdir -p "$1" 2>/dev/null && path="$(cd "$1" && pwd -P)" || return 1
  case "$path/" in
    "$AURORA_ROOT"/*) return 1 ;;
  esac
  [ -w "$path" ] && [ -O "$path" ]
}

# Sets bazel_startup: empty where Bazel's own choice (below the home directory) works, so that the
# scripts and a developer's own `bazel` share one server and one cache.
choose_bazel_home() {
  bazel_startup=()
  local home="${HOME:-$(getent passwd "$(id -u)" 2>/dev/null | cut -d: -f6)}"
  if [ -d "$home" ] && fit_for_bazel "$home" && fit_for_bazel "$home/.cache/bazel"; then
    export HOME="$home"
    return
  fi
  local directory
  for directory in "${TMPDIR:-/tmp}" /tmp /var/tmp; do
    if fit_for_bazel "$directory/aurora-$USER"; then
      export HOME="$directory/aurora-$USER"
      bazel_startup=("--output_user_root=$HOME/bazel")
      return
    fi
  done
  die "the home directory, \$TMPDIR, /tmp and /var/tmp are unwritable or inside the workspace," \
    "so there is no place for Bazel's files. Set TMPDIR to a directory outside of $AURORA_ROOT."
}

case "$AURORA_ROOT" in
  *[[:space:]]*) die "Bazel refuses a workspace whose path has a space in it: $AURORA_ROOT" ;;
esac
choose_bazel_home

bazel() {
  command bazel ${bazel_startup[@]+"${bazel_startup[@]}"} "$@"
}
