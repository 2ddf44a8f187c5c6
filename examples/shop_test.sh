#!/bin/bash
# The program of README.md is the one in this folder, and it runs.
#
#   shop_test.sh PROGRAM SOURCE README
set -euo pipefail
program="$PWD/$1"
diff <(sed -n '/^```cpp$/,/^```$/p' "$3" | sed '1d;$d') "$2"
cd "$TEST_TMPDIR"
for _ in 1 2; do "$program" | grep -q '"Lamp"'; done
