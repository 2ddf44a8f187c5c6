#!/bin/bash
# Writes compile_commands.json for editors and clang tools.
#
#   tools/compile_commands.sh [TARGET PATTERN...]     default: //...
#
# Builds first, because generated headers must be there to be found.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"
"$here/setup.sh"
# shellcheck source=tools/lib/workspace.sh
source "$here/lib/workspace.sh"
[ $# -gt 0 ] || set -- //...

bazel build --keep_going "$@" || echo "compile_commands: some targets do not build" >&2
execution_root="$(bazel info execution_root)"
output_base="$(bazel info output_base)"
patterns="$(printf ' + %s' "$@")"
bazel aquery --output=jsonproto "mnemonic('CppCompile', ${patterns# + })" |
  python3 tools/lib/compile_commands.py "$execution_root" "$output_base"
