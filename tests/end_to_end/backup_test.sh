#!/bin/bash
# Checkpoints, backups and restores by the command line, and reading beside another process.
#
#   backup_test.sh AURORA_TOOL
# shellcheck source=tests/end_to_end/harness.sh
source tests/end_to_end/harness.sh "$1"

documents() { python3 -c "
for i in range($1, $2): print('{\"n\": %d, \"kind\": \"%s\"}' % (i, 'ab'[i % 2]))"; }

documents 0 500 >first.ndjson
documents 500 900 >second.ndjson
tool 0 import db things first.ndjson --unique n --index kind

# --- Checkpoints ---
tool 0 checkpoint db copy --json
json_is 'r["path"] == "copy" and r["sequence"] > 0'
counts copy things 500
tool 1 checkpoint db copy
says_err "exists already"
tool 1 checkpoint db nowhere/copy
tool 1 checkpoint absent copy2
tool 0 import copy things second.ndjson
counts copy things 900
counts db things 500

# --- Backups ---
tool 1 backups backups
tool 0 backup db backups --label first
says_out "backup 1"
tool 0 import db things second.ndjson
tool 0 backup db backups --label second --json
json_is 'r["id"] == 2 and 0 < r["copied_bytes"] <= r["total_bytes"]'
tool 0 backups backups --json
json_is '[b["label"] for b in r["backups"]] == ["first", "second"]'
tool 0 backups backups
says_out "second"
tool 0 backups backups --verify --json
json_is 'r["backups"] == 2 and r["files"] > 1 and r["problems"] == []'

tool 0 restore backups restored --id 1
counts restored things 500
tool 0 restore backups newest
counts newest things 900
tool 1 restore backups newest
says_err "exists already"
tool 1 restore backups other --id 7
says_err "there is no backup 7"
tool 2 backups backups --id 1
tool 2 backups backups --verify --delete 1

tool 0 backups backups --delete 1
tool 1 backups backups --delete 1
tool 0 backups backups --verify
tool 0 restore backups again
counts again things 900
tool 4 backups db
says_err "is not a set of backups"

# --- Damage ---
python3 - <<'PYTHON'
import glob
path = sorted(glob.glob("backups/files/*.table"))[0]
data = bytearray(open(path, "rb").read())
data[len(data) // 2] ^= 4
open(path, "wb").write(data)
PYTHON
tool 3 backups backups --verify
says_err "is damaged"
tool 3 backups backups --verify --json
json_is 'len(r["problems"]) == 1'
tool 3 restore backups damaged
check "nothing is left of a restore that failed" [ ! -e damaged ]

# --- Beside another process ---
mkfifo feed
"$TOOL" import db more feed --sample 100 --batch 100 --print-acknowledged \
  >acknowledged 2>import.err &
import=$!
exec 7>feed
documents 0 3000 >&7
for _ in $(seq 300); do
  [ -s acknowledged ] && break
  sleep 0.1
done
seen="$(tail -n 1 acknowledged | tr -dc 0-9)"
tool 0 query db more --count
says_err "read-only"
check "what was acknowledged is seen ($(cat out) of $seen)" [ "$(cat out)" -ge "${seen:-1}" ]
tool 0 stats db --json
json_is 'r["collections"] == 2'
tool 0 inspect db
tool 4 backup db backups
tool 4 checkpoint db refused
exec 7>&-
check "the import is not disturbed" wait "$import"
counts db more 3000

# --- Media that cannot be written ---
if [ "$(id -u)" != 0 ]; then
  chmod -R a-w db
  tool 0 query db more --count
  chmod -R u+w db
fi
done_testing
