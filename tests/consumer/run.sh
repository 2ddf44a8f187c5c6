#!/bin/bash
# Builds and runs the consumer's workspace; prints a TAP line for each test. tools/test.sh runs it.
set -euo pipefail
# shellcheck source=tools/lib/workspace.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../tools/lib/workspace.sh"
cd tests/consumer

# It is a workspace of its own, so it has a Bazel server of its own.
trap 'bazel shutdown >/dev/null 2>&1 || true' EXIT

failed=0
report() {
  if [ "$1" = 0 ]; then echo "ok - $2"; else echo "not ok - $2"; failed=1; fi
}

status=0
bazel build //:program || status=$?
report "$status" "a program of a workspace that overrides Abseil builds with that Abseil"

status=0
output="$(./bazel-bin/program)" || status=$?
echo "$output"
[[ "$output" == "aurora "* ]] || status=1
report "$status" "the program runs"

status=0
refusal="$(bazel build --nobuild //:reaches_inside 2>&1)" && status=1
grep -q "is not visible from target '//:reaches_inside'" <<<"$refusal" || status=1
report "$status" "what is inside Aurora is not visible to the workspace"

exit $failed
