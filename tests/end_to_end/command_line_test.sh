#!/bin/bash
# The commands of aurora-tool: what they print, for people and as JSON, and their exit codes.
# shellcheck source=tests/end_to_end/harness.sh
source tests/end_to_end/harness.sh "$1"

cat >lamps.ndjson <<'ROWS'
{"_id": "a", "sku": "A-1", "name": "Lamp", "price": 39.5, "tags": ["light", "desk"]}
{"sku": "A-2", "name": "Lämpchen", "price": 12, "tags": []}
{"sku": "A-3", "name": "Bulb \u001b[31m", "price": 2.25, "tags": ["light"]}
ROWS
gzip -k lamps.ndjson

tool 0 --version
says_out "aurora-tool "
tool 0 --help
says_out "Exit codes:"
for command in import query get schema stats inspect space find compact bench; do
  tool 0 "$command" --help
  says_out "aurora-tool $command"
  silent_err
  tool 2 "$command"
  says_err "required"
done
tool 2
tool 2 sing
says_err 'no command "sing"'
tool 2 import db lamps lamps.ndjson --batch none
tool 2 import db lamps lamps.ndjson --on-error perhaps
tool 2 query db lamps --count --explain
check "nothing was touched by command lines without sense" [ ! -e db ]

tool 0 import db lamps lamps.ndjson --index tags --unique sku
says_out "schema of lamps, inferred from all 3 objects:"
says_out "imported 3 documents"
silent_err
tool 0 import db packed lamps.ndjson.gz --json
json_is 'r["imported"] == 3 and r["complete"] and r["rejections"] == [] and r["next_line"] == 4'
"$TOOL" import db piped - <lamps.ndjson >/dev/null || true
counts db piped 3
"$TOOL" import db piped_gz - <lamps.ndjson.gz >/dev/null || true
counts db piped_gz 3
tool 0 import db later lamps.ndjson --from-line 3
counts db later 1

tool 0 query db 'lamps where tags any "light" order by price select name, price'
check "texts are aligned to the left, numbers to the right" [ "$(cut -c 39- out | head -n 3)" = "\
name             price
\"Bulb \x1b[31m\"   2.25
Lamp              39.5" ]
says_out '"Bulb \x1b[31m"'
check "there is no escape sequence without a terminal" [ -z "$(grep -P '\x1b' out)" ]
says_out "2 documents in "
tool 0 query db 'lamps where sku == "A-2"' --json
json_is 'r["name"] == "L\u00e4mpchen" and r["price"] == 12'
tool 0 query db 'lamps where price > 3' --count --json
json_is 'r == {"count": 2}'
tool 0 query db 'lamps where sku == "A-2"' --explain
says_out 'index: sku == "A-2"'
tool 0 query db 'lamps where sku == "A-2"' --explain --json
json_is 'r["returned_rows"] == 1 and r["run_nanos"] > 0'
tool 0 query db 'lamps select count(), max(price) as top' --json
json_is 'r == {"count": 3, "top": 39.5}'
tool 0 query db 'lamps group by sku select count() as n order by sku desc limit 2'
counts_of_groups="$(awk 'NR == 2 || NR == 3 { print $2 }' out)"
check "groups are a table too" [ "$counts_of_groups" = $'1\n1' ]
says_out "2 groups in "
tool 0 query db 'lamps group by sku select count()' --explain
says_out "groups"
tool 1 query db 'lamps group by sku' --count
says_err "call Aggregate"
tool 0 query db 'lamps where price > 1000'
says_out "0 documents"

tool 0 get db lamps a
says_out '  "name": "Lamp"'
tool 0 get db lamps a --json
json_is 'r["_id"] == "a" and r["tags"] == ["light", "desk"]'
tool 1 get db lamps nobody
says_err "there is no document nobody"
tool 1 get db lamps '"unclosed'
tool 0 schema db lamps --json
json_is 'r["collection"] == "lamps" and r["schema"]["fields"][0]["unique"]'
tool 0 schema db
says_out "collection packed"
tool 0 stats db --json
json_is 'r["collections"] == 5 and r["clean_close"]'
json_is 'r["durable_sequence"] == r["published_sequence"]'
tool 0 inspect db
says_out "opened after a clean close"
tool 0 inspect db --json
json_is '[c["documents"] for c in r["collections"]] == [3, 1, 3, 3, 3]'

"$TOOL" query db lamps >/dev/full 2>err
check "a result that cannot be written is a failure" [ "$?" = 1 ]
says_err "cannot write the result"
on_terminal() { script -qec "'$TOOL' $*" /dev/null; }
# Each command has ended, and closed the database, before the next one begins.
on_terminal import db terminal lamps.ndjson >seen
check "on a terminal there is a progress bar" grep -qP '\x1b\[K.*importing \[#+\] 100%' seen
on_terminal inspect db >seen
check "on a terminal there is colour" grep -qP '\x1b\[1m' seen
check "NO_COLOR is honoured" [ -z "$(NO_COLOR=1 on_terminal inspect db | grep -P '\x1b')" ]
done_testing
