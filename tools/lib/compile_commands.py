#!/usr/bin/env python3
"""Turns `bazel aquery --output=jsonproto` on standard input into compile_commands.json.

  compile_commands.py EXECUTION_ROOT OUTPUT_BASE      in the root of the workspace

Paths become absolute ones into the source tree and Bazel's output: the execution root links only
what the last build used.
"""

import json
import os
import sys

# The layering check and the file name of the output mean nothing to an editor.
_DROPPED = ("-fmodule-", "-fmodules-", "-Wprivate-header", "-frandom-seed=")


def command(action, root, execution_root, output_base):
    def absolute(path):
        if path == ".":
            return root
        if path.startswith("external/"):
            return os.path.join(output_base, path)
        if path.startswith("bazel-out/"):
            return os.path.join(execution_root, path)
        return os.path.join(root, path) if os.path.exists(os.path.join(root, path)) else path

    def argument(text):
        if text.startswith("-I"):
            return "-I" + absolute(text[2:])
        return text if text.startswith("-") else absolute(text)

    arguments = [a for a in action["arguments"] if not a.startswith(_DROPPED)]
    source = absolute(arguments[arguments.index("-c") + 1])
    return {"directory": root, "file": source, "arguments": [argument(a) for a in arguments]}


def main(execution_root, output_base):
    root = os.getcwd()
    actions = json.load(sys.stdin).get("actions", [])
    commands = {}
    for action in actions:
        entry = command(action, root, execution_root, output_base)
        commands.setdefault(entry["file"], entry)
    with open("compile_commands.json", "w", encoding="utf-8") as file:
        json.dump(list(commands.values()), file, indent=1)
    print(f"compile_commands.json: {len(commands)} files")


if __name__ == "__main__":
    main(*sys.argv[1:])
