# Sourced by the tests of this folder: runs aurora-tool and checks what it said.
#
#   source harness.sh TOOL
#   tool 4 import db things file     runs it and expects exit code 4
#   says_err "is not a database"     its error stream holds this text
#   done_testing
#
# Every check prints a line of TAP. The current directory is an empty one of the test's own.
# shellcheck shell=bash

set -uo pipefail
TOOL="$(realpath "$1")"
cd "${TEST_TMPDIR:?run by bazel test}" || exit 1

checks=0
failures=0

# check NAME COMMAND...: the command succeeds.
check() {
  checks=$((checks + 1))
  if "${@:2}"; then
    echo "ok - $1"
    return
  fi
  failures=$((failures + 1))
  echo "not ok - $1"
  sed 's/^/# out: /' out 2>/dev/null | head -n 20
  sed 's/^/# err: /' err 2>/dev/null | head -n 20
}

# tool CODE ARGUMENT...: runs it with no input, into the files `out` and `err`.
tool() {
  local expected="$1" code=0
  shift
  "$TOOL" "$@" >out 2>err </dev/null || code=$?
  local line="$*"
  check "exit code $expected of: aurora-tool ${line:0:100}" [ "$code" = "$expected" ]
}

says_out() { check "the result has: $1" grep -qF -- "$1" out; }
says_err() { check "the error has: $1" grep -qF -- "$1" err; }
silent_err() { check "nothing on the error stream" [ ! -s err ]; }

# counts DATABASE COLLECTION NUMBER
counts() {
  tool 0 query "$1" "$2" --count
  check "$2 has $3 documents" [ "$(cat out)" = "$3" ]
}

# json_is EXPRESSION: holds for the result `r` on standard output, a JSON text.
json_is() {
  check "the JSON fulfils: $1" \
    python3 -c 'import json, sys; r = json.load(open("out")); sys.exit(not eval(sys.argv[1]))' "$1"
}

skip() { echo "ok - # SKIP $1"; }

done_testing() {
  echo "1..$checks"
  [ "$failures" = 0 ] && [ "$checks" -gt 0 ]
  exit
}
