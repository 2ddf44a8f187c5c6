#!/bin/bash
# Seeing inside with aurora-tool: stats, inspect, space, find, compact, bench, and the LOG.
# shellcheck source=tests/end_to_end/harness.sh
source tests/end_to_end/harness.sh "$1"

python3 - <<'MAKE'
import json
for name, price in (("first", 1), ("second", 2)):
    with open(name, "w") as rows:
        for i in range(3000):
            row = {"_id": f"id{i:05}", "sku": f"S-{i}", "price": price * i, "text": f"{name} " * 20}
            rows.write(json.dumps(row) + "\n")
MAKE
tool 0 import db things first --unique sku --index price
head -n 1 first >one
tool 0 import db others one

# --- stats and LOG ---
tool 0 stats db --json
json_is 'r["commits"] == 0 and r["level_0_looks_found"] == 0 and r["write_amplification"] == 0'
json_is 'set(r["measures"]["get"]) == {"count", "sum", "p50", "p99", "p999", "max"}'
json_is 'len(r["measures"]) == 12 and r["stalled_by_pacing_commits"] == 0'
tool 0 stats db
says_out "block_cache_hits"
check "there is a LOG" grep -q " info open: " db/LOG
check "its lines have a time and a severity" \
  [ -z "$(grep -vP '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (info|warning|error) ' db/LOG)" ]
check "it ends with the closing" grep -q " info closed$" <(tail -n 1 db/LOG)
check "it has the statistics" grep -q " info stats: 0 commits" db/LOG
tool 0 verify db
check "the LOG is no file that does not belong there" [ -z "$(grep 'LOG' out)" ]

# --- compact ---
tool 0 compact db --json
json_is 'r["entries"] <= r["entries_before"] and r["tables"] >= 1'
tool 0 compact db
says_out "after"
counts db things 3000
tool 2 compact
tool 1 compact nowhere
says_err "there is no database at nowhere"
tool 4 compact .
# --- inspect ---
tool 0 inspect db
says_out "filter bits"
check "the tree is pictured" grep -qP '^level \d  +[\[|#]' out
check "no line of the picture is wider than 100" \
  [ -z "$(grep -P '^(level \d|         ).*[\]|#]$' out | awk 'length > 100')" ]
check "there is no escape sequence without a terminal" [ -z "$(grep -P '\x1b' out)" ]
tool 0 inspect db --json
json_is 'sum(l["tables"] for l in r["levels"]) == len(r["tables"]) > 0'
json_is 'all(0 <= t["begin"] <= t["end"] <= 1 for t in r["tables"])'
json_is 'any(l["filter_bits_per_key"] > 5 and l["compression"] > 1 for l in r["levels"])'
check "on a terminal the picture has colour" \
  grep -qP '\x1b\[3[12]m\[' <(script -qec "'$TOOL' inspect db" /dev/null)

# --- find ---
tool 0 find db id00007 -c things
check "a document is found in a table" grep -qP '^\d{6}\.table +\d +\d+ +\d+ +put +\d+ .*first' out
check "and its id leads to its row" grep -qP ' put +\d+ +row \d+' out
tool 0 find db id00007 -c things --json
json_is 'any(t["kind"] == "put" and "S-7" in t["value"] for t in r["traces"]) and r["damage"] == []'
tool 0 import newer things one
tool 0 find newer id00000 -c things
check "what is only in the log is found there" grep -qP '^log/\d+\.log +log +\d+ +\d+ +insert ' out
tool 1 find db nobody -c things
says_err "no trace of nobody"
tool 1 find db x -c nothing
says_err 'no collection "nothing"'
tool 1 find db xyz
says_err "two hexadecimal digits"
tool 2 find db
tool 2 find db 00 -c things -k 3
tool 1 find nowhere 00
keyspace_and_key() { python3 -c '
import json
r = json.load(open("out"))
k = [t for t in r["tables"]][0]["first_key"]
print(int(k[:2], 16), k[2:])'; }
tool 0 inspect db --json
read -r keyspace key < <(keyspace_and_key)
tool 0 find db "$key" -k "$keyspace"
says_out "put"
says_out "it holds documents, not keys"

# --- space ---
tool 0 space db
says_out "index price"
says_out "unique sku"
says_out "garbage, of the entries in tables: 0%"
tool 0 space db --json
json_is 'r["garbage_share"] == 0 and r["sampled_blocks"] == r["blocks"] > 0'
parts='("data", "filter", "index", "other")'
json_is "sum(r['level_bytes']) == sum(r[f'table_{part}_bytes'] for part in $parts)"
json_is 'sum(k["bytes"] for k in r["keyspaces"]) == r["table_data_bytes"]'
json_is 'max(r["keyspaces"], key=lambda k: k["bytes"])["part"] == "documents"'
json_is 'r["total_bytes"] >= sum(r["level_bytes"]) + r["log_bytes"] + r["log_ready_bytes"]'
tool 1 space nowhere
tool 4 space .

# --- bench ---
tool 0 bench scratch --seconds 0.02 --json
json_is '[w["work"] for w in r["works"]][0] == "put" and len(r["works"]) == 7'
json_is 'all(0 < w["p50_nanos"] <= w["p99_nanos"] <= w["max_nanos"] for w in r["works"])'
check "the scratch directory is gone" [ ! -e scratch ]
tool 0 bench scratch --seconds 0.02
says_out "synced put, 64 at once"
mkdir there
tool 1 bench there
says_err "exists already"
check "what was there is left alone" [ -d there ]
tool 1 bench no/such/parent
tool 2 bench scratch --seconds 0
done_testing
