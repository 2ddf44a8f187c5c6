#!/bin/bash
# Sets up the machine, builds aurora-tool and shows it at work on real data: imports it, asks a few
# questions, kills the program in the middle of a second import, and shows that nothing that was
# acknowledged is lost.
#
#   tools/quickstart.sh [FILE.ndjson]    by default the languages of the world (ISO 639-3)
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"

file="${1:-}"
if [ -n "$file" ]; then
  [ -r "$file" ] || { echo "quickstart.sh: cannot read $file" >&2; exit 2; }
  file="$(cd "$(dirname "$file")" && pwd -P)/$(basename "$file")"
fi

"$here/setup.sh"
# shellcheck source=tools/lib/workspace.sh
source "$here/lib/workspace.sh"

say() { printf '\n\033[1m%s\033[0m\n' "$1"; }
run() {
  printf '$ aurora-tool'
  printf ' %q' "$@"
  printf '\n'
  "$tool" "$@"
}

say "Building aurora-tool"
bazel build --config=opt //tools:aurora-tool 2>&1 | grep -vE '^(INFO|Loading|Analyzing)' || true
tool="$AURORA_ROOT/bazel-bin/tools/aurora-tool"
[ -x "$tool" ] || die "the build failed; run: bazel build --config=opt //tools:aurora-tool"

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
database="$scratch/demo.aurora"

if [ -z "$file" ]; then
  file="$scratch/languages.ndjson"
  python3 - "$file" <<'PYTHON'
import json, sys
with open("/usr/share/iso-codes/json/iso_639-3.json") as source, open(sys.argv[1], "w") as out:
    for language in json.load(source)["639-3"]:
        out.write(json.dumps(language) + "\n")
PYTHON
  say "Importing the languages of the world"
  run import "$database" documents "$file" --index scope,type --unique alpha_3
  queries=('documents where alpha_3 == "roh"'
    'documents where type == "A" and scope == "I" order by name limit 5 select alpha_3, name'
    'documents where name contains "Sign Language" order by name desc limit 5 select name, alpha_3')
else
  say "Importing $file"
  run import "$database" documents "$file" --skip-errors
  queries=('documents limit 3')
fi

say "What is in it"
run inspect "$database"

for query in "${queries[@]}"; do
  say "A query, and how it was answered"
  run query "$database" "$query"
  run query "$database" "$query" --explain
done

say "Killing the program with SIGKILL in the middle of a second import"
acknowledged="$scratch/acknowledged"
# The file again and again, without end: the import runs until it is killed.
mkfifo "$scratch/endless"
(while cat "$file"; do :; done > "$scratch/endless" 2>/dev/null) &
feeder=$!
"$tool" import "$database" again - --batch 50 --sample 1000 --skip-errors --print-acknowledged \
  < "$scratch/endless" > "$acknowledged" 2>/dev/null &
import=$!
for _ in $(seq 300); do
  [ "$(grep -c '^acknowledged' "$acknowledged" || true)" -ge 20 ] && break
  sleep 0.1
done
kill -KILL "$import" 2>/dev/null || true
wait "$import" 2>/dev/null || true
kill "$feeder" 2>/dev/null || true
wait "$feeder" 2>/dev/null || true
last="$(grep '^acknowledged' "$acknowledged" | tail -n 1 | cut -d' ' -f2)"
[ -n "$last" ] || die "the second import acknowledged nothing before it was killed"
echo "killed after $last documents had been acknowledged"

say "Opening it again"
run inspect "$database"
found="$("$tool" query "$database" again --count)"
echo "acknowledged before the kill: $last; there now: $found"
[ "$found" -ge "$last" ] || die "documents are lost"
echo "Every acknowledged document is there."

say "What to try next"
cat <<NEXT
  $tool --help
  tools/quickstart.sh YOUR.ndjson                       # your own data
  $tool import my.aurora things things.ndjson --index kind
  $tool query my.aurora 'things where kind == "lamp" order by price limit 10'
  README.md has a program of twenty lines; docs/api.md the whole interface.
NEXT
