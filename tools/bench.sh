#!/bin/bash
# Runs whole workloads on Aurora and its peers, on this machine, and prints how they compare.
#
#   tools/bench.sh SUITE [--quick] [--full] [--repeat N] [--engines A,B] [--directory DIR]
#                        [--json FILE] [--plots DIR] [-- OPTIONS]
#
#   SUITE        a //bench/workloads:SUITE_bench; docs/benchmarks.md says what each measures
#   --quick      a part of the work: to see that it runs, not for figures
#   --full       the longest rows too, and the engines with their own defaults besides the tuned
#   --repeat N   each engine N times, in turns; each figure is the median of its runs
#   --engines    of those that SUITE_bench --list-engines names; default: all
#   --directory  where the data goes (default: a new one below $TMPDIR or /tmp); its file system is
#                what is measured
#   --json FILE  also writes all figures there; docs/benchmarks.md describes them, and the rows
#   --plots DIR  also draws them there, as SVG
#   OPTIONS      for SUITE_bench, whose --help names them
#
# Each engine runs in a fresh process and a fresh directory, after what others wrote has reached the
# device.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"

usage() {
  sed -n '4,17s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

[ $# -ge 1 ] && [[ "$1" != -* ]] || usage
suite="$1"
shift
options=()
listing=(--list-engines)
repeat=1
wanted=""
directory=""
json=""
plots=""
while [ $# -gt 0 ]; do
  [[ "$1" =~ ^--(quick|full)?$ ]] || [ $# -ge 2 ] || usage
  case "$1" in
    --quick) options+=(--quick); shift ;;
    --full) options+=(--full); listing+=(--full); shift ;;
    --) options+=("${@:2}"); break ;;
    --repeat) repeat="$2"; shift 2 ;;
    --engines) wanted="$2"; shift 2 ;;
    --directory) directory="$2"; shift 2 ;;
    --json) json="$(realpath -m "$2")"; shift 2 ;;
    --plots) plots="$(realpath -m "$2")"; shift 2 ;;
    *) usage ;;
  esac
done
[[ "$repeat" =~ ^[1-9][0-9]*$ ]] || usage

scratch="$(mktemp -d "${TMPDIR:-/tmp}/aurora-bench.XXXXXX")"
trap 'rm -rf "$scratch"' EXIT
directory="$(realpath -m "${directory:-$scratch/data}")"
mkdir -p "$directory"

"$here/setup.sh" build bench
# shellcheck source=tools/lib/workspace.sh
source "$here/lib/workspace.sh"

[ -e "bench/workloads/${suite}_bench.cc" ] ||
  die "there is no suite '$suite'. There are: $(cd bench/workloads && echo *_bench.cc |
    sed 's/_bench\.cc//g')"

# Built as users build it. A copy, with the programs that it runs: another build must not replace
# what is being measured.
bazel build -c opt --config=opt "//bench/workloads:${suite}_bench"
bench="$scratch/${suite}_bench"
built="$(bazel info -c opt --config=opt bazel-bin 2>/dev/null)/bench/workloads"
find "$built" -maxdepth 1 -type f -name "${suite}_*" ! -name "*.*" -exec cp -t "$scratch" {} +

mapfile -t engines < <("$bench" "${listing[@]}")
if [ -n "$wanted" ]; then IFS=, read -r -a engines <<<"$wanted"; fi

describe_machine() {
  echo "cpu:         $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores"
  echo "memory:      $(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)"
  echo "kernel:      $(uname -sr)"
  echo "file system: $(df --output=fstype,source "$directory" | tail -1 | tr -s ' ')"
  echo "commit:      $(git describe --always --dirty 2>/dev/null || echo unknown)"
  echo "load:        $(cut -d' ' -f1-3 /proc/loadavg) (other work on the machine spoils figures)"
}

describe_machine
results=()
for ((run = 1; run <= repeat; ++run)); do
  for engine in "${engines[@]}"; do
    printf '\n%s, run %d of %d\n' "$engine" "$run" "$repeat"
    sync -f "$directory"
    results+=("$scratch/$engine-$run.json")
    "$bench" --engine "$engine" ${options[@]+"${options[@]}"} --directory "$directory" \
      --json "${results[-1]}"
  done
done
echo
describe_machine
echo
python3 tools/lib/bench_table.py --targets bench/targets.json ${json:+--json "$json"} \
  "${results[@]}"
[ -z "$plots" ] || python3 tools/lib/bench_plot.py --out "$plots" "${results[@]}"
