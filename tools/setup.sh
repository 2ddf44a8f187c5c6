#!/bin/bash
# Installs from Debian 12's packages exactly what is missing to build and test Aurora. Says nothing
# when nothing is.
#
#   tools/setup.sh [GROUP...]     groups: build test bench docs (default: all of them)
#   tools/setup.sh --list         prints every package, its group and what it is for
#
# Needs root or sudo only when something is missing. AURORA_SETUP=skip leaves the machine alone: for
# those who bring the tools by other means.
set -euo pipefail

# group  package  what for
readonly PACKAGES='
build  bazel-bootstrap     the build tool
build  bazel-platforms     every C++ target needs it, and bazel-bootstrap does not depend on it
build  bazel-rules-java    the same
build  clang-19            the compiler (g++ 12 miscompiles coroutines)
build  lld-19              the linker that can read what clang 19 writes
build  libabsl-dev         Abseil: containers, status, strings
build  libcapnp-dev        Cap n Proto: documents and manifest messages
build  capnproto           the schema compiler for it
build  liburing-dev        io_uring
build  libroaring-dev      roaring bitmaps
build  liblz4-dev          block compression, fast
build  libzstd-dev         block compression, small
build  zlib1g-dev          gzipped files in aurora-tool import
build  libxxhash-dev       checksums
build  libre2-dev          regular expressions in queries
build  nlohmann-json3-dev  JSON in the tools
build  libcli11-dev        command lines of the tools
build  iso-codes           the data set that tools/quickstart.sh imports
build  python3             scripts of tools/ and tests/ (no modules beyond the standard library)
test   libgtest-dev        unit tests
test   libgmock-dev        matchers in them
test   libclang-rt-19-dev  sanitizers, libFuzzer and coverage
test   llvm-19             readable stack traces from the sanitizers; coverage reports
test   clang-format-19     the tidy test checks the format
test   libbenchmark-dev    benchmarks are built by the tests
bench  libbenchmark-dev    microbenchmarks
bench  librocksdb-dev      a peer to compare with
bench  libleveldb-dev      a peer to compare with
bench  liblmdb-dev         a peer to compare with
bench  libsqlite3-dev      a peer to compare with
docs   doxygen             the API reference
'

fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

# Prints the names of the packages of the groups given, each once.
packages_of() {
  awk -v groups=" $* " 'NF && index(groups, " " $1 " ") && !seen[$2]++ { print $2 }' <<<"$PACKAGES"
}

# Prints those of the packages given that are not installed.
missing_of() {
  dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
    awk -v wanted="$*" '
      $1 == "installed" { have[$2] = 1 }
      END {
        n = split(wanted, name, " ")
        for (i = 1; i <= n; ++i) if (!(name[i] in have)) print name[i]
      }'
}

install() {
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
      fail "packages are missing, and neither root nor sudo is at hand. As root, run:" \
        "  apt-get install --no-install-recommends $*"
    elif ! sudo -n true 2>/dev/null && ! [ -t 0 ]; then
      fail "packages are missing, and sudo has no terminal to ask for a password. Run:" \
        "  sudo apt-get install --no-install-recommends $*"
    fi
    as_root=(sudo)
  fi
  echo "setup: installing $*"
  local apt=(${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive)
  apt+=(apt-get -q -o DPkg::Lock::Timeout=300)
  "${apt[@]}" update || echo "setup: apt-get update failed; trying the lists there are" >&2
  "${apt[@]}" install -y --no-install-recommends "$@" ||
    fail "apt-get could not install: $*" \
      "The names are those of Debian 12 (bookworm); the messages above say which failed and why."
}

# Bazel looks once which headers the machine has, and takes an include of one that came later for an
# undeclared dependency.
look_at_headers_again() {
  command -v bazel >/dev/null || return 0
  local here
  here="$(dirname "${BASH_SOURCE[0]}")"
  # shellcheck source=tools/lib/workspace.sh
  (source "$here/lib/workspace.sh" && bazel sync --configure --noshow_progress) ||
    echo "setup: bazel sync --configure failed; builds may not find what was installed" >&2
}

main() {
  local groups=()
  for argument in "$@"; do
    case "$argument" in
      --list) sed '/^$/d' <<<"$PACKAGES"; return ;;
      build | test | bench | docs) groups+=("$argument") ;;
      *) fail "unknown argument '$argument'. Usage:" \
        "  tools/setup.sh [--list] [build|test|bench|docs ...]" ;;
    esac
  done
  [ ${#groups[@]} -gt 0 ] || groups=(build test bench docs)
  [ "${AURORA_SETUP:-}" != skip ] || return 0

  local wanted missing
  mapfile -t wanted < <(packages_of "${groups[@]}")
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    fail "this script knows Debian 12 only. Install the equivalents of these packages by your own" \
      "means, then set AURORA_SETUP=skip:" \
      "  ${wanted[*]}"
  fi
  mapfile -t missing < <(missing_of "${wanted[@]}")
  [ ${#missing[@]} -gt 0 ] || return 0
  install "${missing[@]}"
  look_at_headers_again
}

main "$@"
