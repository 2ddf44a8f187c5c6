#!/bin/bash
# Formats the C++ sources (clang-format 19), and the BUILD files if buildifier is installed.
#
#   tools/format.sh [FILE...]     default: every file that git knows or has not been told to ignore
set -euo pipefail
files=()
for file in "$@"; do files+=("$(realpath "$file")"); done
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"
"$here/setup.sh" test
# shellcheck source=tools/lib/workspace.sh
source "$here/lib/workspace.sh"

[ ${#files[@]} -gt 0 ] || mapfile -t files < <(git ls-files --cached --others --exclude-standard)
sources=()
builds=()
for file in "${files[@]}"; do
  case "$file" in
    *.h | *.cc) [ ! -f "$file" ] || sources+=("$file") ;;
    *.bazel | *.bzl | */WORKSPACE | WORKSPACE) [ ! -f "$file" ] || builds+=("$file") ;;
  esac
done
[ ${#sources[@]} -eq 0 ] || clang-format-19 -i "${sources[@]}"
if [ ${#builds[@]} -gt 0 ] && command -v buildifier >/dev/null; then buildifier "${builds[@]}"; fi
