#!/bin/bash
# Sets up the machine, runs every test, then the short sanitizer runs, and closes with "N passed, M
# failed".
#
#   tools/test.sh [--quick] [--stop-server]
#
#   --quick        the default configuration only: no sanitizers
#   --stop-server  ends the Bazel server of this workspace at the end
#
# Exit code: 0 if at least one test ran and none failed. What counts as a test:
# tools/lib/test_totals.py.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"

quick=false
stop_server=false
for argument in "$@"; do
  case "$argument" in
    --quick) quick=true ;;
    --stop-server) stop_server=true ;;
    *) echo "usage: tools/test.sh [--quick] [--stop-server]" >&2; exit 2 ;;
  esac
done

"$here/setup.sh"
# shellcheck source=tools/lib/workspace.sh
source "$here/lib/workspace.sh"

scratch="$(mktemp -d)"
finish() {
  rm -rf "$scratch"
  if $stop_server; then bazel shutdown >/dev/null 2>&1 || true; fi
}
trap finish EXIT

passed=0
failed=0
failures=()

phase_begin() {
  phase_start=$SECONDS
  echo
  echo "=== $1"
}

# Ends a phase: $1 passed and $2 failed tests, then a line for each failure.
phase_end() {
  passed=$((passed + $1))
  failed=$((failed + $2))
  failures+=("${@:3}")
  echo "=== $1 passed, $2 failed, $((SECONDS - phase_start)) s"
}

# Runs `bazel test` with the arguments after the phase's name, and counts its test cases.
bazel_phase() {
  local name="$1" events="$scratch/events.json" status=0 lines
  shift
  phase_begin "$name"
  rm -f "$events"
  bazel test --keep_going --build_event_json_file="$events" \
    --show_progress --show_progress_rate_limit=20 --curses=no "$@" || status=$?
  [ -e "$events" ] || : >"$events"
  mapfile -t lines < <(python3 tools/lib/test_totals.py "$events")
  local counts
  read -r -a counts <<<"${lines[0]}"
  # 4 means that no test was selected. Any other trouble that left no trace among the tests is a
  # failure of its own.
  if [ "$status" != 0 ] && [ "$status" != 4 ] && [ "${counts[1]}" = 0 ]; then
    counts[1]=1
    lines+=("bazel test $*: exit code $status")
  fi
  phase_end "${counts[0]}" "${counts[1]}" "${lines[@]:1}"
}

# Runs a command that prints a line "ok - NAME" or "not ok - NAME" for each test (the TAP format),
# and counts those.
tap_phase() {
  local name="$1" status=0 good bad
  shift
  phase_begin "$name"
  "$@" | tee "$scratch/tap" || status=$?
  good="$(grep -c '^ok - ' "$scratch/tap" || true)"
  mapfile -t bad < <(sed -n "s/^not ok - /$name: /p" "$scratch/tap")
  if [ ${#bad[@]} = 0 ] && { [ "$status" != 0 ] || [ "$good" = 0 ]; }; then
    bad=("$name: exit code $status after $good tests")
  fi
  phase_end "$good" ${#bad[@]} ${bad[@]+"${bad[@]}"}
}

check_reference() {
  local result="ok"
  tools/reference.sh || result="not ok"
  echo "$result - the comments of the public headers make a reference without warnings"
}

bazel_phase "all tests" //...
tap_phase "the layers" tests/layers/run.sh
tap_phase "a consumer's workspace" tests/consumer/run.sh
tap_phase "the API reference" check_reference

if ! $quick; then
  tap_phase "the build configurations" tests/configs/run.sh
  bazel_phase "address and undefined behaviour sanitizers: small tests and fuzz corpora" \
    --config=asan --test_timeout=600 \
    --build_tests_only --test_lang_filters=cc --test_size_filters=small //...
  bazel_phase "thread sanitizer: tests with the tag 'threads'" \
    --config=tsan --test_timeout=600 \
    --build_tests_only --test_lang_filters=cc --test_tag_filters=threads //...
fi

echo
for failure in ${failures[@]+"${failures[@]}"}; do echo "FAILED $failure"; done
echo "all phases: $SECONDS s"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
