#!/bin/bash
# Sets up the machine, builds aurora-tool and shows it at work on real data: imports it, asks a few
# questions, kills the program in the middle of a second import, and shows that nothing that was
# acknowledged is lost.
#
#   tools/quickstart.sh [FILE]    a JSON object a line, may be gzipped; by default the languages of
#                                 the world (ISO 639-3)
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"

file="${1:-}"
if [ $# -gt 1 ] || [[ "$file" == -* ]]; then
  echo "usage: tools/quickstart.sh [FILE.ndjson[.gz]]" >&2
  exit 2
fi
if [ -n "$file" ]; then
  [ -f "$file" ] && [ -r "$file" ] || { echo "quickstart.sh: cannot read $file" >&2; exit 2; }
  file="$(cd "$(dirname "$file")" && pwd -P)/$(basename "$file")"
fi

"$here/setup.sh" build
# shellcheck source=tools/lib/workspace.sh
source "$here/lib/workspace.sh"

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\033[1;36m' plain=$'\033[0m'; fi
say() { printf '\n%s== %s%s\n' "$bold" "$1" "$plain"; }
# Shows a command, as it would be typed, and runs it. 5: some lines were rejected, and reported.
run() {
  local argument status=0
  printf '$ aurora-tool'
  for argument in "$@"; do
    case "$argument" in
      *[!A-Za-z0-9_./,=-]*) printf " '%s'" "${argument//\'/\'\\\'\'}" ;;
      *) printf ' %s' "$argument" ;;
    esac
  done
  printf '\n'
  "$tool" "$@" || status=$?
  [ "$status" = 0 ] || [ "$status" = 5 ] || die "aurora-tool ended with exit code $status"
}

say "Building aurora-tool (the first time takes minutes)"
progress=()
[ -t 2 ] && progress=(--show_progress)
bazel build --config=opt --ui_event_filters=-info ${progress[@]+"${progress[@]}"} \
  //tools:aurora-tool || die "the build failed; the messages above say why"
tool="$AURORA_ROOT/bazel-bin/tools/aurora-tool"
"$tool" --version

# Everything but the database goes again.
tour="$(mktemp -d "${TMPDIR:-/tmp}/aurora-tour.XXXXXX")"
scratch="$tour/scratch"
mkdir "$scratch"
children=()
clean_up() {
  [ ${#children[@]} -eq 0 ] || kill -KILL "${children[@]}" 2>/dev/null || true
  rm -rf "$scratch"
}
trap clean_up EXIT
cd "$tour"

name="the file"
if [ -z "$file" ]; then
  name="the languages of the world"
  file="$scratch/languages.ndjson"
  python3 - "$file" <<'PYTHON'
import json, sys
with open("/usr/share/iso-codes/json/iso_639-3.json", encoding="utf-8") as source, \
        open(sys.argv[1], "w", encoding="utf-8") as out:
    for language in json.load(source)["639-3"]:
        out.write(json.dumps(language, ensure_ascii=False) + "\n")
PYTHON
fi

say "Importing $name: ${file#"$tour/"}"
mapfile -t options < <(python3 "$here/lib/tour.py" options "$file")
run import demo.aurora documents "$file" ${options[@]+"${options[@]}"} --on-error skip

say "What is in the database now"
run inspect demo.aurora

mapfile -t queries < <("$tool" schema demo.aurora documents --json |
  python3 "$here/lib/tour.py" queries "$file" documents)
for query in "${queries[@]}"; do
  say "A query, and how it was answered"
  run query demo.aurora "$query"
  run query demo.aurora "$query" --explain
done

say "Killing a second import (SIGKILL) while it runs"
acknowledged="$scratch/acknowledged"
rejected="$scratch/rejected"
# The file again and again, without end: the import runs until it is killed.
mkfifo "$scratch/endless"
(while cat "$file"; do :; done >"$scratch/endless" 2>/dev/null) &
children+=($!)
"$tool" import demo.aurora again - --batch 50 --on-error skip --print-acknowledged \
  <"$scratch/endless" >"$acknowledged" 2>"$rejected" &
import=$!
children+=("$import")
for _ in $(seq 600); do
  [ "$(grep -c '^acknowledged' "$acknowledged" || true)" -lt 20 ] || break
  kill -0 "$import" 2>/dev/null || break
  sleep 0.1
done
{
  kill -KILL "${children[@]}"
  wait "${children[@]}"
} 2>/dev/null || true
children=()
last="$(sed -n 's/^acknowledged \([0-9]*\)$/\1/p' "$acknowledged" | tail -n 1)"
[ -n "$last" ] || die "the second import acknowledged nothing before it was killed:" \
  "$(head -n 5 "$rejected")"
echo "Killed after it had acknowledged $last documents."

say "Opening the database again"
run inspect demo.aurora
found="$("$tool" query demo.aurora again --count)"
echo "Acknowledged before the kill: $last. There now: $found."
[ "$found" -ge "$last" ] || die "documents are lost"
"$tool" query demo.aurora again --json |
  python3 "$here/lib/tour.py" compare "$file" "$last" "$rejected" || die "documents are lost"
echo "Compared with the file, document by document: every acknowledged one is there, and equal."

say "What to try next"
cat <<NEXT
The database is still there. Ask it something, or look at it:
  cd $tour
  $tool query demo.aurora '${queries[-1]//\'/\'\\\'\'}'
  $tool schema demo.aurora documents
  $tool --help
  rm -r $tour    # when you are done

Your own data:     $here/quickstart.sh YOUR.ndjson.gz
From a program:    README.md has one of twenty lines; docs/api.md has the whole interface.
NEXT
