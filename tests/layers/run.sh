#!/bin/bash
# Proves that the layers hold; see layers_check.py. tools/test.sh runs it.
set -euo pipefail
# shellcheck source=tools/lib/workspace.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../tools/lib/workspace.sh"
exec python3 tests/layers/layers_check.py bazel ${bazel_startup[@]+"${bazel_startup[@]}"}
