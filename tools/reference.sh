#!/bin/bash
# Builds the API reference from the public headers: docs/reference/index.html. A warning fails it.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"
"$here/setup.sh" docs
# shellcheck source=tools/lib/workspace.sh
source "$here/lib/workspace.sh"

# What is public is what aurora.h exports.
mapfile -t headers < <(sed -n 's|^#include "aurora/\(.*\)".* export$|\1|p' engine/aurora.h)
[ ${#headers[@]} -gt 0 ] || die "engine/aurora.h exports no header"

rm -rf docs/reference
{
  cat docs/Doxyfile
  printf 'INPUT = engine/aurora.h'
  printf ' %s' "${headers[@]}"
  echo
} | doxygen - || die "the comments have errors: see above"
echo "reference: $AURORA_ROOT/docs/reference/index.html"
