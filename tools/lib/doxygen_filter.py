#!/usr/bin/env python3
"""Shows Doxygen our headers as it wants them.

  doxygen_filter.py FILE     prints the filtered text, every line at its number

Our comments are written for people who read the header itself: plain `//`, no commands, no markup
but `code` and indented examples. So every comment becomes a documentation comment, what Doxygen
would take for a command or a tag is escaped, and the first comment of a file is about the file.
"""

import re
import sys

_COMMENT = re.compile(r"^(\s*)//(?!/) ?(.*)$")
_TRAILING = re.compile(r"^(\s*[^\s/}#].*[,;\w})])\s+// (.*)$")
_ATTRIBUTE = re.compile(r"\[\[[^\]]*\]\]")


def prose(text):
    if text.startswith("  "):
        return "  " + text  # An example: Markdown wants it indented by four columns.
    spans = re.split(r"(`[^`]*`)", text)
    return "".join(s if s.startswith("`") else re.sub(r"([\\@<>#&])", r"\\\1", s) for s in spans)


def filtered(lines):
    lines = [_ATTRIBUTE.sub("", line) for line in lines]
    if lines and _COMMENT.match(lines[0]) and "#pragma once" in lines:
        yield "/// @file"
        lines.remove("#pragma once")
    for line in lines:
        if comment := _COMMENT.match(line):
            yield f"{comment[1]}/// {prose(comment[2])}"
        elif trailing := _TRAILING.match(line):
            yield f"{trailing[1]}  ///< {prose(trailing[2])}"
        else:
            yield line


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        print("\n".join(filtered(file.read().split("\n"))))
