#!/bin/bash
# Every command that the help names: with --json its result is JSON and nothing else, and what is
# wrong with a path is told in one line, with the exit code for it. A command that is added needs a
# line in both tables here.
#
#   every_command_test.sh AURORA_TOOL
# shellcheck source=tests/end_to_end/harness.sh
source tests/end_to_end/harness.sh "$1"

# subcommands ARGUMENT...: the names that the help of this command line lists.
subcommands() {
  "$TOOL" "$@" --help | sed -n '/^Subcommands:/,/^$/s/^  \([a-z]\+\) .*/\1/p'
}

# Those that have subcommands count for them: "dump log".
every_command() {
  local command sub
  for command in $(subcommands); do
    local subs
    subs="$(subcommands "$command")"
    [ -n "$subs" ] || echo "$command"
    for sub in $subs; do echo "$command $sub"; done
  done
}

# result_is_json: one JSON text, or one on each line.
result_is_json() {
  check "the result is JSON" python3 -c '
import json, sys
text = open("out").read()
try:
    json.loads(text)
except ValueError:
    lines = text.splitlines()
    sys.exit(not lines or not all(isinstance(json.loads(line), dict) for line in lines))'
}

# error_is_a_line: one line that says what is wrong; hints may follow it.
error_is_a_line() {
  check "the error is one line" [ "$(grep -c '^error: .' err)" = 1 ]
  check "the error is no riddle for its length" [ "$(wc -l <err)" -le 2 ]
  check "the error is told where errors belong" [ ! -s out ]
}

python3 - >rows.ndjson <<'PYTHON'
import json
for i in range(2000):
    print(json.dumps({"_id": "d%d" % i, "n": i, "text": "x" * 200, "big": "y" * (i == 7) * 40000}))
PYTHON
tool 0 import db things rows.ndjson --unique n --archive archive
tool 0 compact db
tool 0 backup db backups
table="$(find db -name '*.table' | sort | head -n 1)"
values="$(find db -name '*.values' | sort | head -n 1)"
check "there is a table" [ -n "$table" ]
check "there is a value file" [ -n "$values" ]

# --- What each does with --json ---
# The arguments of a whole run, by command. Each run leaves what the others need.
declare -A runs=(
  [import]="db others rows.ndjson"
  [query]="db things"
  [get]="db things d1"
  [schema]="db things"
  [stats]="db"
  [inspect]="db"
  [space]="db"
  [find]="db d1 --collection things"
  ["dump log"]="db"
  ["dump table"]="$table"
  ["dump values"]="$values"
  ["dump manifest"]="db"
  [bench]="scratch --seconds 0.01"
  [compact]="db"
  [verify]="db"
  [repair]="db saved"
  [checkpoint]="db copy"
  [backup]="db backups"
  [backups]="backups"
  [restore]="backups restored"
  [archive]="verify archive"
)
mapfile -t commands < <(every_command)
check "the help names commands" [ "${#commands[@]}" -ge 20 ]
# A table and a value file may be gone once the database was written to.
cp -r db kept
runs["dump table"]="kept/${table#db/}"
runs["dump values"]="kept/${values#db/}"
for command in "${commands[@]}"; do
  check "the test knows the command $command" [ -n "${runs[$command]:-}" ]
  # shellcheck disable=SC2086
  tool 0 $command ${runs[$command]:-} --json
  result_is_json
  silent_err
done
for arguments in "query db things --count" "query db things --explain" "backups backups --verify" \
  "archive ls archive" "archive prune archive --backups backups --keep-from 1" \
  "repair db --dry-run" "restore backups pointed --archive archive" "backups backups --delete 1"; do
  # shellcheck disable=SC2086
  tool 0 $arguments --json
  result_is_json
  silent_err
done

# --- Wrong paths ---
mkdir empty foreign
echo precious >foreign/letter.txt
echo text >file
# What is damaged beyond opening: its manifest.
cp -r kept damaged
root="$(find damaged -name 'ROOT-*' | sort | tail -n 1)"
printf 'garbage' >"damaged/MANIFEST-${root#damaged/ROOT-}"
# The arguments, with @ for the path, and the exit codes for a path where there is nothing, an empty
# directory, a file, a directory of something else, and a database with a damaged manifest; a dash
# where that is no error, or is told as a result.
declare -A wrong=(
  [import]="@ things rows.ndjson|- - 4 4 3"
  [query]="@ things|1 1 4 4 3"
  [get]="@ things d1|1 1 4 4 3"
  [schema]="@|1 1 4 4 3"
  [stats]="@|1 1 4 4 3"
  [inspect]="@|1 1 4 4 3"
  [space]="@|1 1 4 4 3"
  [find]="@ d1 --collection things|1 1 4 4 3"
  ["dump log"]="@|1 1 1 1 -"
  ["dump table"]="@|1 1 1 1 1"
  ["dump values"]="@|1 1 1 1 1"
  ["dump manifest"]="@|1 1 1 1 -"
  [bench]="@ --seconds 0.01|- 1 1 1 1"
  [compact]="@|1 1 4 4 3"
  [verify]="@|1 1 4 4 -"
  [repair]="@ never|1 1 4 4 -"
  [checkpoint]="@ never|1 1 4 4 3"
  [backup]="@ backups|1 1 4 4 3"
  [backups]="@|1 - 4 4 4"
  [restore]="@ never|1 1 4 4 4"
  [archive]="ls @|1 - 4 4 4"
)
paths=(absent empty file foreign damaged)
for command in "${commands[@]}"; do
  check "the test knows what is wrong for $command" [ -n "${wrong[$command]:-}" ]
  IFS='|' read -r arguments codes <<<"${wrong[$command]:-}"
  read -ra codes <<<"$codes"
  for i in "${!paths[@]}"; do
    [ "${codes[$i]:--}" != - ] || continue
    # shellcheck disable=SC2086
    tool "${codes[$i]}" $command ${arguments//@/${paths[$i]}} --json
    error_is_a_line
  done
  # shellcheck disable=SC2086
  tool 2 $command
done
check "what was only looked at stays as it was" \
  [ "$(ls -A absent 2>/dev/null)$(ls -A empty)$(ls -A foreign)" = letter.txt ]
check "nothing is left of what failed" [ ! -e never ]
done_testing
