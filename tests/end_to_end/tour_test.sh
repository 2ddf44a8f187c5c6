#!/bin/bash
# What tools/quickstart.sh finds out about a file that it has never seen is true of it.
#
#   tour_test.sh AURORA_TOOL TOUR
tour="$(realpath "$2")"
# shellcheck source=tests/end_to_end/harness.sh
source tests/end_to_end/harness.sh "$1"

python3 - <<'PYTHON'
import gzip, json
with gzip.open("plants.ndjson.gz", "wt", encoding="utf-8") as out:
    for i in range(2000):
        out.write(json.dumps({
            "code": f"P-{i}",
            "the name": f"Flower {i % 700} of the mountains",
            "height": i % 500 / 4,
            "colour": ["red", "green", "blue"][i % 3],
            "sites": ["Alps", "Andes"][: i % 3],
            "where": {"x": i},
            "remark": None if i % 2 else "x" * 300 + str(i)}) + "\n")
PYTHON
mapfile -t options < <("$tour" options plants.ndjson.gz)
check "fields that group are indexed, the one that identifies is unique" \
  [ "${options[*]}" = "--index sites,colour --unique code" ]
tool 0 import db plants plants.ndjson.gz "${options[@]}"
"$TOOL" schema db plants --json >schema
"$tour" queries plants.ndjson.gz plants <schema >queries
check "there are several queries" [ "$(wc -l <queries)" -ge 4 ]
while read -r query; do
  tool 0 query db "$query"
  check "it finds something: $query" grep -q "^[1-9].* documents\? in " out
done <queries

tool 0 query db plants --json
mv out all
compare() { "$tour" compare plants.ndjson.gz "$1" /dev/null <"$2" >out 2>err; }
check "all documents compare equal" compare 2000 all
check "the first ones do" compare 1999 all
not() { ! "$@"; }
check "a missing one is noticed" not compare 2001 all
sed '1000d' all >gap
check "a gap is noticed" not compare 1500 gap
sed '7s/green\|red\|blue/grey/' all >changed
check "a changed one is noticed" not compare 2000 changed

printf '{}\n{"a": 1}\n' >poor.ndjson
tool 0 import db poor poor.ndjson
"$TOOL" schema db poor --json | "$tour" queries poor.ndjson poor >queries
check "a file of nothing special has a query too" [ "$(cat queries)" = "poor limit 5" ]
done_testing
