#!/usr/bin/env python3
"""A chapter of the guide shows what its program does.

  chapter_test.py PAGE SOURCE PROGRAM

Every block of C++ in the page must be in the source, line by line, whatever its indentation. The
program must succeed twice in a row in one folder, and print every line of the page's `text` blocks;
a "..." in one stands for anything.
"""

import fnmatch
import os
import re
import subprocess
import sys
import textwrap


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def lines_of(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


def main():
    page, source, program = (os.path.abspath(path) for path in sys.argv[1:4])
    with open(page) as file:
        page = file.read()
    with open(source) as file:
        have = lines_of(file.read())
    failures = []
    code = blocks(page, "cpp")
    for block in code:
        want = lines_of(textwrap.dedent(block))
        if not any(have[at : at + len(want)] == want for at in range(len(have))):
            failures.append(f"not in {sys.argv[2]}:\n{block}")
    os.chdir(os.environ["TEST_TMPDIR"])
    outputs = [subprocess.run([program], capture_output=True, text=True) for _ in range(2)]
    for output in outputs:
        if output.returncode != 0:
            failures.append(f"exit code {output.returncode}: {output.stdout}{output.stderr}")
    printed = lines_of(outputs[0].stdout)
    for block in blocks(page, "text"):
        for line in lines_of(block):
            pattern = re.sub(r"\[", "[[]", line).replace("...", "*")
            if not fnmatch.filter(printed, pattern):
                failures.append(f"not printed: {line}")
    print("\n".join(failures))
    sys.exit(1 if failures or not code else 0)


if __name__ == "__main__":
    main()
