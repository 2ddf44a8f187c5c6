#!/bin/bash
# Measures which lines the tests reach: docs of clang call it source-based coverage.
#
#   tools/coverage.sh [--html] [TARGET PATTERN...]     default: //...
#
# Prints a table of our own files. --html also writes pages with every line; the last line of the
# output says where.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"
"$here/setup.sh"
# shellcheck source=tools/lib/workspace.sh
source "$here/lib/workspace.sh"
html=false
if [ "${1:-}" = --html ]; then
  html=true
  shift
fi
[ $# -gt 0 ] || set -- //...

out="$(mktemp -d)"
trap 'rm -rf "$out/raw"' EXIT
mkdir "$out/raw"
# The tests write their profiles themselves, so the sandbox has to let them.
bazel test --config=cov --keep_going --build_tests_only --test_lang_filters=cc \
  --test_env=LLVM_PROFILE_FILE="$out/raw/%m-%p.profraw" --sandbox_writable_path="$out/raw" "$@" ||
  echo "coverage: some tests fail" >&2
find "$out/raw" -name '*.profraw' >"$out/profiles"
[ -s "$out/profiles" ] || die "no test left a profile"
llvm-profdata-19 merge -sparse -f "$out/profiles" -o "$out/all.profdata"

# Bazel's aquery knows the test binaries; each carries the map of the code in it.
query="kind('cc_test rule', tests($(printf ' + %s' "$@" | cut -c4-)))"
binaries=()
while read -r label; do
  binary="bazel-bin/$(tr : / <<<"${label#//}")"
  [ ! -x "$binary" ] || binaries+=(-object "$binary")
done < <(bazel query --noshow_progress "$query")
[ ${#binaries[@]} -gt 0 ] || die "no test was built"

options=("${binaries[@]}" "-instr-profile=$out/all.profdata"
  "-path-equivalence=/proc/self/cwd,$AURORA_ROOT"
  '-ignore-filename-regex=(^|/)(usr|external|bazel-out)/|_test\.cc$|_testing\.(h|cc)$')
llvm-cov-19 report "${options[@]}"
if $html; then
  llvm-cov-19 show "${options[@]}" --format=html --output-dir="$out/html"
  echo "coverage: $out/html/index.html"
fi
