#!/bin/bash
# Bad input to aurora-tool: each a clear error with the place and the exit code for it, and nothing
# written by halves.
# shellcheck source=tests/end_to_end/harness.sh
source tests/end_to_end/harness.sh "$1"

# --- Rows ---
cat >good.ndjson <<'ROWS'
{"key": 1, "name": "one"}
{"key": 2, "name": "two"}
ROWS
cat >bad.ndjson <<'ROWS'
{"key": 3, "name": "three"}
{"key": 4, "name" "four"}

{"key": "5", "name": "five"}
["key", 6]
{"key": 1, "name": "taken"}
{"key": 7, "colour": "red"}
{"key": 8, "name": "eight"}
ROWS
tool 1 import new things bad.ndjson
says_err "line 2, column 19: syntax error"
tool 0 inspect new --json
json_is 'r["collections"] == []'

tool 0 import db things good.ndjson --unique key
tool 1 import db things bad.ndjson
says_err "line 2, column 19: syntax error"
says_out "imported 1 document"
says_out "--from-line 2"
counts db things 3
tool 5 import db things bad.ndjson --on-error skip --from-line 2
says_err "rejected: line 2, column 19: syntax error"
says_err 'rejected: line 4: collection "things": field "key": expected int64, got string "5"'
says_err "rejected: line 5, column 1: expected a JSON object, got array"
says_err 'rejected: line 6: collection "things": field "key": the value 1 is taken'
says_err 'rejected: line 7: collection "things":'
says_err '"colour"'
says_out "imported 1 document"
says_out "rejected 5 lines"
counts db things 4
tool 5 import db things bad.ndjson --on-error skip --json
json_is 'sorted(x["line"] for x in r["rejections"]) == [1, 2, 4, 5, 6, 7, 8]'
json_is 'r["imported"] == 0 and r["complete"]'
tool 1 import db things good.ndjson --index name
says_err '"name" is not indexed'
tool 1 import db others good.ndjson --index nothing
says_err 'no object has a field "nothing"'
tool 1 import db _system good.ndjson
tool 1 import db empty /dev/null
says_err "no object in the input"
printf '\xff\xfe{"a": 1}\n{"a": "\xff"}\n' >encoding.ndjson
tool 1 import db encoding encoding.ndjson --on-error skip
says_err "line 1, column 1: "
says_err "line 2, column 8: "
printf '{"key": 9, "name": "nine"}' >no_line_end.ndjson
tool 0 import db things no_line_end.ndjson
counts db things 5

# --- Too deep, too large ---
python3 - <<'PYTHON'
def write(name, *rows):
    with open(name, "w") as out:
        out.writelines(row + "\n" for row in rows)
deep = lambda n: '{"a":' * n + "1" + "}" * n
write("deep.ndjson", deep(32), deep(33), deep(100), deep(101), "[" * 1000000)
write("large.ndjson", '{"a":"%s"}' % ("x" * 900_000), '{"a":"%s"}' % ("x" * (17 << 20)))
write("many.ndjson", "{%s}" % ",".join('"f%d":0' % i for i in range(1001)))
PYTHON
tool 5 import limits deep deep.ndjson --on-error skip
says_err "line 4, column 501: deeper nesting than the limit of 100 (depth_max)"
says_err "line 5, column 101: deeper nesting"
counts limits deep 3
tool 5 import limits strict deep.ndjson --on-error skip --strict
says_err "line 2, column 161: deeper nesting than the limit of 32 (depth_max)"
counts limits strict 1
tool 5 import limits large large.ndjson --on-error skip
says_err "line 2: "
says_err "document_bytes_max"
tool 5 import limits strict large.ndjson --on-error skip --strict
says_err "line_bytes_max"
tool 1 import limits many many.ndjson --strict
says_err "fields_max"

# --- Files ---
tool 1 import db things missing.ndjson
says_err "missing.ndjson: No such file"
mkdir folder
tool 1 import db things folder
says_err "folder is a directory"
gzip -c good.ndjson | head -c 40 >cut.gz
tool 3 import db cut cut.gz
says_err "cut short"

# --- Queries ---
tool 1 query db nothing
says_err 'there is no collection "nothing"; there are '
tool 1 query db 'things where'
says_err "query, line 1, column 13: expected a field"
tool 1 query db 'things where name matches "("'
tool 1 query db "things where $(printf '(%.0s' {1..5000})"

# --- Paths that hold no database, or none for us ---
tool 1 query absent things
says_err "there is no database at absent"
check "looking creates nothing" [ ! -e absent ]
tool 1 import no/such/parent things good.ndjson
says_err "there is no directory no/such"
tool 4 query good.ndjson things
says_err "is a file; a database is a directory"
mkdir foreign hollow
echo precious >foreign/letter.txt
tool 4 import foreign things good.ndjson
says_err 'foreign is not a database: it holds "letter.txt"'
check "a foreign directory stays as it was" [ "$(ls foreign)" = letter.txt ]
tool 1 query hollow things
says_err "there is no database at hollow"
check "an empty directory stays empty" [ -z "$(ls -A hollow)" ]
tool 0 import hollow things good.ndjson
counts hollow things 2
if [ "$(id -u)" != 0 ]; then
  chmod 000 db
  tool 4 query db things
  says_err "Permission denied"
  chmod 700 db
else
  # Root may do all, so somebody else looks, where he may go.
  open="$(mktemp -d /tmp/aurora-test.XXXXXX)"
  trap 'rm -rf "$open"' EXIT
  install -m 755 "$TOOL" "$open/tool"
  cp -r db "$open/db"
  chmod 755 "$open"
  nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$open/tool" "$@"; }
  if nobody --version >/dev/null 2>&1; then
    code=0
    nobody query "$open/db" things >out 2>err || code=$?
    check "no permission is exit code 4" [ "$code" = 4 ]
    says_err "Permission denied"
  else
    skip "no permission: nobody else may run programs here"
  fi
fi

# --- Open elsewhere ---
mkfifo held
"$TOOL" import db things - --on-error skip <held >/dev/null 2>&1 &
holder=$!
exec 7>held
for _ in $(seq 100); do [ -s db/LOCK ] && break; sleep 0.05; done
tool 4 import db things good.ndjson
says_err "held by process $holder; close it there first"
tool 0 query db things
says_err "read-only"
exec 7>&-
wait "$holder"
tool 0 query db things --count

# --- Another version, and damage ---
cp -r db damaged
python3 - <<'PYTHON'
import glob
for path in glob.glob("damaged/log/*"):
    with open(path, "r+b") as log:
        bytes = log.read()
        at = bytes.find(b"two")
        if at >= 0:
            log.seek(at)
            log.write(b"2wo")
PYTHON
tool 3 query damaged things
says_err "damaged/log"
cp -r db rootless
rm rootless/ROOT-*
tool 3 query rootless things
says_err "no ROOT-"
cp -r db headless
printf 'garbage' >"headless/MANIFEST-$(ls headless | sed -n 's/^ROOT-//p' | tail -n 1)"
tool 3 query headless things
says_err "MANIFEST-"
counts db things 5
done_testing
