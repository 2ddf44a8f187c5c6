#!/bin/bash
# verify, repair and dump by the command line: whole databases, damaged ones, wrong input, another
# process beside.
#
#   damage_test.sh AURORA_TOOL
# shellcheck source=tests/end_to_end/harness.sh
source tests/end_to_end/harness.sh "$1"

documents() { python3 -c "
import json
for i in range($1, $2): print(json.dumps({'_id': 'd%d' % i, 'n': i, 'text': 'x' * 200}))"; }

# flip FILE OFFSET: inverts the byte.
flip() {
  python3 -c "
import sys
with open(sys.argv[1], 'r+b') as f:
    f.seek(int(sys.argv[2])); b = f.read(1)
    f.seek(int(sys.argv[2])); f.write(bytes([b[0] ^ 0xff]))" "$1" "$2"
}

# bring COPY: a fresh copy of the database.
bring() {
  rm -rf "$1" saved
  cp -r db "$1"
}

lines_are_json() {
  check "every line is a JSON object" \
    python3 -c 'import json; [json.loads(l)["type"] for l in open("out")]'
}

documents 0 8000 >first.ndjson
documents 8000 8300 >second.ndjson
tool 0 import db things first.ndjson --unique n
tool 0 import db things second.ndjson

# --- A whole one ---
tool 0 verify db
says_out "no damage"
tool 0 verify db --json
json_is 'r["damaged"] is False and r["tables"] > 0 and r["clean_close"] is True'
tool 0 repair db saved
says_out "saved: a database of its own"
tool 0 verify saved
counts saved things 8300
counts db things 8300
tool 0 query saved 'things where n = 8123' --count
check "an index answers" [ "$(cat out)" = 1 ]
tool 0 import saved things second.ndjson --help
tool 1 repair db saved
says_err "exists already"

# --- A damaged table ---
table="$(basename "$(find db -name '*.table' -size +40k | sort | head -1)")"
bring bad
flip "bad/$table" 20000
tool 3 verify bad
says_out "$table"
says_out "wrong checksum"
says_err "repair"
tool 3 verify bad --json
json_is 'r["damaged"] and any(f.get("offset", 0) > 0 for f in r["findings"])'
tool 3 dump table "bad/$table"
says_out "wrong checksum"
tool 5 repair bad saved --dry-run
check "a dry run makes nothing" [ ! -e saved ]
tool 5 repair bad saved --json
json_is 'r["losses"] and len(r["lost_versions"]) == 1'
tool 0 verify saved
tool 0 query saved things --count
check "most of it is saved" [ "$(cat out)" -gt 7900 ]

# --- Names that are gone ---
bring bad
rm bad/ROOT-*
tool 3 verify bad
says_out "ROOT-"
tool 0 repair bad saved
counts saved things 8300
bring bad
rm bad/MANIFEST-* bad/ROOT-*
tool 3 verify bad
tool 5 repair bad saved
bring bad
rm "bad/$table"
tool 3 verify bad
says_out "is missing"
tool 5 repair bad saved
tool 0 verify saved

# --- dump ---
tool 0 dump manifest db
says_out "flushed_through"
tool 0 dump manifest db --json
lines_are_json
tool 0 dump log db
says_out "segment"
tool 0 dump log db --json
lines_are_json
tool 0 dump table "db/$table"
says_out "entries"
tool 0 dump table "db/$table" --json
lines_are_json
tool 1 dump table first.ndjson
tool 2 dump

# --- Wrong input ---
mkdir empty
tool 1 verify empty
tool 1 verify nowhere
tool 4 verify first.ndjson
tool 1 repair nowhere saved2
tool 2 repair db
mkdir foreign && echo hello >foreign/hello.txt
tool 4 verify foreign
tool 4 repair foreign saved2

# --- Beside another process ---
mkfifo pipe
"$TOOL" import db things pipe >import_out 2>import_err &
importer=$!
exec 9>pipe
documents 9000 9001 >&9
for _ in $(seq 100); do
  [ -s db/LOCK ] && break
  sleep 0.1
done
tool 0 verify db
tool 4 repair db saved3
says_err "held by"
exec 9>&-
wait "$importer"
check "the other process has ended well" [ $? = 0 ]
counts db things 8301

done_testing
