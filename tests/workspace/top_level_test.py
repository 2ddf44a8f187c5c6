#!/usr/bin/env python3
"""The top level of the tree is the house of the design: what is in it is meant to be there."""

import os
import sys
import tempfile

FOLDERS = {
    "bench",
    "cache",
    "docs",
    "engine",
    "examples",
    "index",
    "lsm",
    "runtime",
    "tests",
    "third_party",
    "tools",
}
FILES = {"BUILD.bazel", "CHANGELOG.md", "LICENSE", "README.md", "WORKSPACE"}
# Made by a tool, and ignored by git.
MADE = {"compile_commands.json"}


def problems(root):
    entries = {e for e in os.listdir(root) if not e.startswith((".", "bazel-"))} - MADE
    for entry in sorted(entries - FOLDERS - FILES):
        yield f"{entry} is not in the design: put it into one of its folders"
    for entry in sorted((FOLDERS | FILES) - entries):
        yield f"{entry} is missing"
    for entry in sorted(FOLDERS & entries):
        if not os.path.isdir(os.path.join(root, entry)):
            yield f"{entry} should be a folder"


def self_test():
    """The check finds what is too much and what is missing."""
    with tempfile.TemporaryDirectory() as root:
        for folder in FOLDERS - {"cache"}:
            os.mkdir(os.path.join(root, folder))
        for file in FILES | {"util"}:
            open(os.path.join(root, file), "w", encoding="utf-8").close()
        found = list(problems(root))
        assert [line.split()[0] for line in found] == ["util", "cache"], found


if __name__ == "__main__":
    self_test()
    here = os.path.dirname(os.path.realpath(__file__))
    found = list(problems(os.path.join(here, "../..")))
    for problem in found:
        print("top level:", problem)
    sys.exit(1 if found else 0)
