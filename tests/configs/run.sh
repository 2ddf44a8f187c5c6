#!/bin/bash
# Proves that each configuration of .bazelrc builds, runs, and catches what it is for. Prints a TAP
# line for each test; tools/test.sh runs it.
set -euo pipefail
# shellcheck source=tools/lib/workspace.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../tools/lib/workspace.sh"

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
failed=0

# Succeeds if the command's output has the words of $1; reports it as $2, with the output if not.
expect() {
  local words="$1" name="$2"
  shift 2
  "$@" >"$scratch/output" 2>&1 || true
  if grep -q -- "$words" "$scratch/output"; then
    echo "ok - $name"
  else
    echo "not ok - $name: no '$words' in what it printed:"
    sed 's/^/  /' "$scratch/output"
    failed=1
  fi
}

# Runs the planted program in the configuration $1, with the bug $2.
# shellcheck disable=SC2317  # expect() calls it.
planted() {
  bazel run ${1:+"--config=$1"} --noshow_progress --ui_event_filters=-info \
    //tests/configs:planted -- "$2"
}

expect "zero == 1" "the default configuration checks assertions" \
  planted "" failed-assertion
expect "survived failed-assertion" "opt does not check debug assertions" \
  planted opt failed-assertion
expect "AddressSanitizer: heap-use-after-free" "asan catches a use after free" \
  planted asan use-after-free
expect "runtime error: signed integer overflow" "asan catches a signed overflow" \
  planted asan signed-overflow
expect "survived none" "asan lets a good program pass" planted asan none
expect "ThreadSanitizer: data race" "tsan catches a data race" planted tsan data-race
expect "survived none" "tsan lets a good program pass" planted tsan none
expect "deadly signal" "fuzz finds the input that fails" \
  bazel test --config=fuzz --noshow_progress //tests/configs:planted_fuzz

expect "survived none" "cov builds and runs" \
  env LLVM_PROFILE_FILE="$scratch/run.profraw" bash -c "$(declare -p bazel_startup)
    $(declare -f bazel planted); planted cov none"
expect "main" "cov leaves a profile that the tools can read" \
  bash -c "llvm-profdata-19 merge '$scratch/run.profraw' -o '$scratch/run.profdata' &&
    llvm-profdata-19 show --all-functions '$scratch/run.profdata'"

expect "g++ miscompiles coroutines" "g++ is refused by name" \
  g++ -std=c++20 -fsyntax-only -x c++ runtime/compiler.h

exit $failed
