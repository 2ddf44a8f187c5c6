#!/bin/bash
# Builds the API reference from the public headers: docs/reference/index.html. A warning fails it.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"
"$here/setup.sh" docs
# shellcheck source=tools/lib/workspace.sh
source "$here/lib/workspace.sh"

# What is public is aurora.h, and what a reader of it meets: the headers of engine/ and runtime/
# that it includes, directly or not.
headers=(engine/aurora.h)
for ((i = 0; i < ${#headers[@]}; ++i)); do
  while read -r header; do
    case " ${headers[*]} " in
      *" $header "*) ;;
      *) headers+=("$header") ;;
    esac
  done < <(sed -nE 's,^#include "aurora/((engine|runtime)/.*)".*,\1,p' "${headers[i]}")
done

rm -rf docs/reference
{
  cat docs/Doxyfile
  echo "INPUT = ${headers[*]}"
} | doxygen - || die "the comments have errors: see above"
echo "reference: ${#headers[@]} headers, $AURORA_ROOT/docs/reference/index.html"
