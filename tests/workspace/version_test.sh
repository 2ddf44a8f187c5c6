#!/bin/bash
# The version constant, the changelog and the tool say the same version.
set -euo pipefail

constant="$(sed -n 's/.*kVersion = "\(.*\)";.*/\1/p' engine/version.h)"
changelog="$(sed -n 's/^## \[\([0-9].*\)\].*/\1/p' CHANGELOG.md | head -n 1)"
tool="$(tools/aurora-tool --version)"

status=0
[ -n "$constant" ] || { echo "engine/version.h: found no kVersion" >&2; status=1; }
[ "$changelog" = "$constant" ] || {
  echo "CHANGELOG.md: the first version is '$changelog', engine/version.h has '$constant'" >&2
  status=1
}
[ "$tool" = "aurora-tool $constant" ] || {
  echo "aurora-tool --version: prints '$tool', engine/version.h has '$constant'" >&2
  status=1
}
exit $status
