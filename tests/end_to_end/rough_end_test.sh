#!/bin/bash
# Imports that end roughly: Ctrl-C, SIGTERM, SIGKILL, a full disk. Whatever was acknowledged is
# there afterwards, in order and without a gap, and the database opens.
# shellcheck source=tests/end_to_end/harness.sh
source tests/end_to_end/harness.sh "$1"

# Numbered rows without end.
rows() { exec python3 -c '
import itertools
try:
    for i in itertools.count():
        print("{\"n\": %d, \"text\": \"%s\"}" % (i, "x" * (i % 100)))
except BrokenPipeError:
    pass' 2>/dev/null; }

# import_in_background DATABASE DURABILITY: sets `import`, `feeder`; acknowledgements go to out.
import_in_background() {
  rm -f pipe && mkfifo pipe
  rows >pipe &
  feeder=$!
  "$TOOL" import "$1" rows - --index n --durability "$2" --batch 100 --sample 500 \
    --print-acknowledged <pipe >out 2>err &
  import=$!
  for _ in $(seq 400); do
    [ "$(grep -c '^acknowledged' out)" -lt 10 ] || break
    sleep 0.05
  done
}

# ends SIGNAL CODE
ends() {
  local code=0
  kill "-$1" "$import"
  wait "$import" || code=$?
  kill "$feeder" 2>/dev/null
  wait "$feeder" 2>/dev/null
  check "SIG$1 ends the import with $2" [ "$code" = "$2" ]
}

acknowledged() { sed -n 's/^acknowledged \([0-9]*\)$/\1/p' "$1" | tail -n 1; }

# holds DATABASE COUNT: the rows 0 to at least COUNT - 1, all that there are without a gap; and the
# index says so too.
holds() {
  tool 0 query "$1" rows --json
  check "$1 holds the first $2 rows or more, in order, without a gap" python3 -c '
import json, sys
rows = [json.loads(line) for line in open("out")]
good = all(r["n"] == i and len(r["text"]) == i % 100 for i, r in enumerate(rows))
sys.exit(not (good and len(rows) >= int(sys.argv[1]) > 0))' "$2"
  tool 0 query "$1" "rows where n == $(($2 - 1))" --count
  check "the index has the last of them" [ "$(cat out)" = 1 ]
}

for durability in sync process buffered; do
  import_in_background "int_$durability" "$durability"
  ends INT 130
  said="$(sed -n 's/^interrupted; imported \([0-9,]*\) documents .*/\1/p' out | tr -d ,)"
  check "the report has the number that was acknowledged" [ "$said" = "$(acknowledged out)" ]
  says_out "They are durable."
  counts "int_$durability" rows "$said"
  holds "int_$durability" "$said"
done

import_in_background terminated sync
ends TERM 143
holds terminated "$(acknowledged out)"

# kBuffered promises nothing to a process that is killed.
for durability in sync process; do
  for round in 1 2 3; do
    database="kill_${durability}_$round"
    import_in_background "$database" "$durability"
    ends KILL 137
    cp out acknowledged
    tool 0 inspect "$database"
    says_out "opened after a crash or a kill"
    holds "$database" "$(acknowledged acknowledged)"
  done
done

# An import that waits for input can be stopped too.
rm -f pipe && mkfifo pipe
"$TOOL" import waiting rows - <pipe >out 2>err &
import=$!
exec 7>pipe
sleep 0.3
feeder=$import
ends INT 130
exec 7>&-

# --- A full disk ---
mkdir small
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=40m tmpfs small 2>/dev/null; then
  trap 'umount small' EXIT
  for durability in sync process buffered; do
    code=0
    rows | "$TOOL" import small/db rows - --index n --durability "$durability" \
      --print-acknowledged >out 2>err || code=$?
    check "a full disk is a failure" [ "$code" = 1 ]
    says_err "No space left on device"
    says_out "They are durable."
    cp out acknowledged
    holds small/db "$(acknowledged acknowledged)"
    tool 0 inspect small/db
    # With room again, it goes on.
    rm -rf small/db
  done
  tool 0 import small/new rows <(rows | head -n 5000) --index n
  holds small/new 5000
  rm -rf small/new
  head -c 30M /dev/zero >small/ballast
  tool 1 import small/db rows <(rows | head -n 5000)
  says_err "No space left on device"
  rm small/ballast
  tool 0 import small/db rows <(rows | head -n 5000) --index n
  holds small/db 5000
else
  skip "a full disk: only root may mount a small file system"
fi
done_testing
