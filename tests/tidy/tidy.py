#!/usr/bin/env python3
"""The rules of the source tree that neither the compiler nor Bazel can see.

  tidy.py [ROOT]     checks the whole tree; prints "file:line: rule: what to do" for each finding

Each rule is a function over one file; RULES lists them, and tidy_rules_test.py plants a violation
of each.
"""

import fnmatch
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import cpp_text  # noqa: E402

LINE_LENGTH_MAX = 100
FUNCTION_LINES_MAX = 70
HEADER_LINES_MAX = 300
SOURCE_LINES_MAX = 700
TEST_LINES_MAX = 1000
FILE_BYTES_MAX = 512 * 1024

# What work left for later may be about.
KINDS = ["perf", "cleanup", "test", "docs", "feature", "portability"]

# From the lowest to the highest; a layer names none that stands after it.
LAYERS = ["runtime", "cache", "lsm", "index", "engine", "tools"]

CODE = (".h", ".cc", ".capnp", ".bzl", ".bazel", ".py", ".sh", ".inc")
TEXT = CODE + (
    ".md",
    ".bazelrc",
    ".gitignore",
    ".bazelignore",
    ".clang-format",
    "WORKSPACE",
    "run",
    "Doxyfile",
)


class File:
    """One file of the tree: its path from the root, its text, and views of that text.

    `sibling` gives the text of another file of the same folder by its name, or "". `page` gives the
    text of a file of the tree by its path from the root, "" for a folder, None if there is neither.
    """

    def __init__(
        self,
        path,
        text,
        executable=False,
        size=None,
        sibling=lambda name: "",
        page=lambda path: "",
    ):
        self.path = path
        self.text = text
        self.sibling = sibling
        self.page = page
        self.executable = executable
        self.size = len(text.encode("utf-8", "surrogateescape")) if size is None else size
        self.lines = text.split("\n")
        self.layer = path.split("/")[0]
        self.name = path.split("/")[-1]
        self.is_cpp = path.endswith((".h", ".cc"))
        self.is_test = bool(
            re.search(r"_(test|testing|benchmark|fuzz)\.(h|cc)$", path)
        ) or self.layer in (
            "tests",
            "bench",
        )
        self._code = None
        self._comments = None

    @property
    def code(self):
        if self._code is None:
            self._code = cpp_text.code_only(self.text)
        return self._code

    @property
    def comments(self):
        if self._comments is None:
            self._comments = cpp_text.comments_only(self.text)
        return self._comments


def matches(pattern, text):
    """Yields (line number, match) for each match of the pattern."""
    for match in re.finditer(pattern, text, re.MULTILINE):
        yield text.count("\n", 0, match.start()) + 1, match


def includes(file):
    """Yields (line number, path, whether it is in quotes) of each #include."""
    for line, match in matches(r'^\s*#\s*include\s*([<"])([^">]+)[">]', file.text):
        yield line, match[2], match[1] == '"'


def line_length(file):
    if file.name.endswith(".md"):
        return  # Prose and tables are wrapped by eye.
    for number, line in enumerate(file.lines, 1):
        if len(line) > LINE_LENGTH_MAX and not re.search(r'https?://\S{60}|R"', line):
            yield number, f"{len(line)} columns: break the line, {LINE_LENGTH_MAX} is the limit"


def function_length(file):
    if not file.is_cpp or file.is_test:
        return
    for first, count in cpp_text.functions(file.text):
        if count >= FUNCTION_LINES_MAX:
            yield first, f"{count} lines: split the function, below {FUNCTION_LINES_MAX} is allowed"


def file_length(file):
    if not file.is_cpp:
        return
    limit = HEADER_LINES_MAX if file.name.endswith(".h") else SOURCE_LINES_MAX
    if file.is_test:
        limit = TEST_LINES_MAX
    count = len(file.lines) - 1
    if count >= limit:
        yield count, f"{count} lines: split the file by concept, below {limit} is allowed"


def layer_names(file):
    """A lower layer includes nothing of a higher one and does not speak of it either."""
    if file.layer not in LAYERS or not file.is_cpp:
        return
    higher = "|".join(LAYERS[LAYERS.index(file.layer) + 1 :])
    if not higher:
        return
    said = "name what this layer promises, not who is above it"
    namespaces = rf"\b(?:aurora::)?(?:{higher})::\w"
    files = rf"(?<![\w/])(?:aurora/|//)?(?:{higher})/[a-z_/]*[a-z_]\.(?:h|cc)\b"
    for line, match in matches(rf"{namespaces}|{files}", file.text):
        if not (file.is_test and "#include" in file.lines[line - 1]):
            yield line, f"'{match[0]}' belongs to a layer above {file.layer}/: {said}"


def library_borders(file):
    """Each third-party library is wrapped in one layer, and its types do not leave it."""
    if not file.is_cpp or file.layer in ("tests", "bench", "third_party"):
        return
    for line, path, _ in includes(file):
        if path.startswith("roaring/") and file.layer != "index":
            yield line, "CRoaring stays inside index/: use index/'s own type"
        if re.match(r"capnp/|kj/|.*\.capnp\.h$", path) and file.layer not in ("engine", "lsm"):
            yield line, "Cap'n Proto stays inside engine/ and the messages of lsm/"
        if path.startswith(("liburing", "linux/io_uring")) and file.layer != "runtime":
            yield line, "io_uring stays inside runtime/: use File and FileSystem"


# What reaches the machine, and what takes its place. Calls are meant where the name stands alone:
# file.read(...), MyClass::open(...) and the declaration `Sleep sleep(...)` are not.
_CALLS = r"(?:(?<=return )|(?<![\w.>:])(?<!\w ))(?:::)?(?:{})\("
_MACHINE = [
    (r"std::(?:j?thread|async)\b|\bpthread_\w+", "post to the Executor"),
    (r"std::this_thread|absl::SleepFor", "use the timers of Environment"),
    (_CALLS.format("sleep|usleep|nanosleep"), "use the timers of Environment"),
    (r"std::chrono::\w+_clock|absl::(?:Now|GetCurrentTimeNanos)\(", "use the clock of Environment"),
    (_CALLS.format("clock_gettime|gettimeofday|time"), "use the clock of Environment"),
    (r"std::(?:random_device|mt19937\w*|default_random_engine)", "use the Random of Environment"),
    (r"absl::(?:Insecure)?BitGen\b", "use the Random of Environment"),
    (_CALLS.format(r"s?rand|getrandom|arc4random\w*"), "use the Random of Environment"),
    (r"std::[io]?fstream|std::filesystem", "use the FileSystem of Environment"),
    (
        r"(?<![\w.>:])::(?:open|read|write|rename|unlink|mkdir|close)\(|"
        + _CALLS.format("fopen|openat|pread|pwrite|fsync|fdatasync|mmap|munmap|ftruncate"),
        "use the FileSystem of Environment",
    ),
    (r"\bthread_local\b", "it does not survive a co_await: keep the state in an object"),
]
_MACHINE_HEADERS = (
    "thread future fstream filesystem random condition_variable semaphore latch barrier ctime "
    "time.h fcntl.h unistd.h pthread.h sys/mman.h sys/stat.h sys/uio.h"
).split()


def machine_access(file):
    """Above runtime/ the machine is reached through Environment: so all runs in the simulator."""
    if file.layer not in ("cache", "lsm", "index", "engine") or file.is_test or not file.is_cpp:
        return
    for pattern, remedy in _MACHINE:
        for line, match in matches(pattern, file.code):
            yield line, f"'{match[0]}' above runtime/: {remedy}"
    for line, path, _ in includes(file):
        if path in _MACHINE_HEADERS:
            yield line, f"<{path}> above runtime/: reach the machine through Environment"


def abseil(file):
    """What of Abseil we do without: docs/runtime.md says why."""
    if not file.is_cpp:
        return
    for line, match in matches(r"absl::(?:Mutex\w*|CondVar|Notification)\b", file.code):
        yield line, f"{match[0]} blinds the thread sanitizer: use std::mutex"
    # A payload of a Status is handed over as a Cord and an absl::string_view.
    allowed = ("runtime/strings.h", "runtime/strings.cc", "runtime/status.cc")
    if file.path not in allowed and not file.is_test:
        for line, _ in matches(r"absl::Cord\b", file.code):
            yield line, "absl::Cord blinds the thread sanitizer: use std::string or a buffer"
        for line, _ in matches(r"absl::string_view\b", file.code):
            yield line, "our interfaces speak std::string_view: cross with ToAbsl and ToStd"


def printing(file):
    """A library prints nothing: a Logger receives events."""
    if (
        file.layer not in LAYERS[:-1]
        or file.is_test
        or not file.is_cpp
        or file.path == "runtime/check.cc"
    ):
        return
    for line, match in matches(
        r"std::(?:cout|cerr|clog)\b|(?<![\w:])(?:std::)?(?:f|v|vf)?printf\(|\bf?puts\(", file.code
    ):
        yield line, f"'{match[0]}': nothing prints; give the event to the Logger or return a Status"


def todo(file):
    if not file.path.endswith(CODE):
        return
    for line, match in matches(
        r"\bTO" r"DO\b(?!\((?:perf|cleanup|test|docs|feature|portability)\): \S)", file.text
    ):
        yield line, f"write TO" f"DO({'|'.join(KINDS)}): what"
    for line, match in matches(r"\b(?:FIX" r"ME|X" r"XX)\b", file.text):
        yield line, f"'{match[0]}': finish it, or say what is left in the form of the rule 'todo'"


def machine_paths(file):
    folders = "ho" "me|ro" "ot|wo" "rk|fa" "rm"
    for line, match in matches(rf"(?<![\w/])/(?:{folders})/\w+", file.text):
        yield line, f"'{match[0]}' is a path of one machine"


def whitespace(file):
    for number, line in enumerate(file.lines, 1):
        if line != line.rstrip():
            yield number, "space at the end of the line (or a carriage return): remove it"
        if "\t" in line:
            yield number, "a tab: use spaces"
    if file.text and (not file.text.endswith("\n") or file.text.endswith("\n\n")):
        yield len(file.lines), "end the file with exactly one newline"


def ascii_code(file):
    if not file.path.endswith(CODE) or file.is_test:
        return
    for number, line in enumerate(file.lines, 1):
        if not line.isascii():
            yield number, "a character beyond ASCII in code: write an escape such as \\u00e9"


# Headers of dependencies that have no folder.
_SYSTEM_HEADERS = {"liburing.h", "lmdb.h", "lz4.h", "sqlite3.h", "xxhash.h", "zstd.h"}


def include_form(file):
    """Every header of ours is included by the one name that users know."""
    if not file.is_cpp:
        return
    folders = ("engine", "index", "lsm", "cache", "runtime", "tools", "tests", "bench")
    for line, path, quoted in includes(file):
        if path.split("/")[0] in folders and "/" in path and not path.endswith(".capnp.h"):
            yield line, f'include it as "aurora/{path}"'
        if path.startswith("aurora/") and not quoted:
            yield line, f'ours are included in quotes: "{path}"'
        if quoted and "/" not in path and path not in _SYSTEM_HEADERS:
            yield line, f"'{path}': name the header from the root, \"aurora/<folder>/{path}\""
    if file.name.endswith(".h") and not re.search(r"^#pragma once$", file.text, re.MULTILINE):
        yield 1, "a header needs #pragma once"


def thread_tag(file):
    """The thread sanitizer runs the tests with the tag `threads`: all that use threads need it."""
    if file.name != "BUILD.bazel":
        return
    threads = r"std::j?thread\b|std::async\b|\b(?:LoopPool|LoopThread|BlockingPool)\b"
    for line, test in matches(r"^cc_test\((?:.*\n)*?\)$", file.text):
        sources = re.findall(r'"(\w+\.cc)"', test[0])
        if '"threads"' not in test[0] and any(
            re.search(threads, cpp_text.code_only(file.sibling(source))) for source in sources
        ):
            yield line, 'the test uses threads: tags = ["threads"]'


def anchors(text):
    """The names of a page's headings, as links to them are written."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ +(.*?) *$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


_PAGE = r"(?<![\w./-])docs/[\w/-]+\.md\b"
_SOURCE = rf"(?<![\w./-])(?:{'|'.join(LAYERS)}|tests|bench)/[\w/]+\.(?:h|cc|capnp|py|sh|bzl)\b"
_LINK = r"\]\(([^()\s#]*)(?:#([^()\s]*))?\)"


def references(file):
    """Yields (line number, path from the root, heading or "") of what the file refers to: pages,
    and in a page also sources, and links."""
    is_page = file.name.endswith(".md")
    for line, match in matches(f"{_PAGE}|{_SOURCE}" if is_page else _PAGE, file.text):
        yield line, match[0], ""
    for line, match in matches(_LINK, file.text) if is_page else []:
        if not re.match(r"\w+:", match[1]):
            below = os.path.join(os.path.dirname(file.path), match[1])
            target = os.path.normpath(below) if match[1] else file.path
            yield line, target, match[2] or ""


def links(file):
    """What comments and pages refer to is there."""
    if file.path == "tests/tidy/tidy_rules_test.py":
        return  # Its planted violations.
    for line, path, heading in sorted(set(references(file))):
        text = file.text if path == file.path else file.page(path)
        if text is None:
            yield line, f"'{path}' does not exist: name what does"
        elif heading and heading not in anchors(text):
            yield line, f"'{path}' has no heading for #{heading}"


def executable_bit(file):
    script = file.text.startswith("#!")
    if file.executable and not script:
        yield 1, "executable, but no script: chmod -x"
    if script and not file.executable:
        yield 1, "a script that is not executable: chmod +x"


def large_file(file):
    if file.size > FILE_BYTES_MAX:
        yield 1, f"{file.size} bytes, above {FILE_BYTES_MAX}: let a script or a test make it"


RULES = [
    line_length,
    function_length,
    file_length,
    layer_names,
    library_borders,
    machine_access,
    abseil,
    printing,
    todo,
    machine_paths,
    whitespace,
    ascii_code,
    include_form,
    thread_tag,
    links,
    executable_bit,
    large_file,
]


def check(file, rules=None):
    """Yields "path:line: rule: message" for every finding in one file."""
    for rule in rules or RULES:
        for line, message in rule(file):
            yield f"{file.path}:{line}: {rule.__name__}: {message}"


def ignored_patterns(root):
    with open(os.path.join(root, ".gitignore"), encoding="utf-8") as lines:
        return [line.strip().strip("/") for line in lines if line.strip()]


def walk(root):
    """Yields the paths of all files of the tree, without those that .gitignore names."""
    ignored = ignored_patterns(root)
    for directory, folders, names in os.walk(root):
        below = os.path.relpath(directory, root)
        prefix = "" if below == "." else below + "/"

        def is_kept(name):
            path = prefix + name
            return name not in (".git", "__pycache__") and not any(
                fnmatch.fnmatch(path, p) for p in ignored
            )

        folders[:] = sorted(filter(is_kept, folders))
        for name in sorted(filter(is_kept, names)):
            yield prefix + name


def read(root, path):
    full = os.path.join(root, path)
    executable = os.access(full, os.X_OK)
    size = os.path.getsize(full)
    if not path.endswith(TEXT):
        return File(path, "", False, size)

    def text_of(name):
        where = os.path.join(os.path.dirname(full), name)
        if not os.path.exists(where):
            return ""
        with open(where, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()

    def page(name):
        where = os.path.join(root, name)
        if not os.path.isfile(where):
            return "" if os.path.isdir(where) else None
        with open(where, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()

    return File(path, text_of(os.path.basename(full)), executable, size, text_of, page)


def format_findings(root, paths):
    """Yields a finding for each C++ file that clang-format would change."""
    tool = shutil.which("clang-format-19")
    if tool is None:
        yield "clang-format-19 is missing: run tools/setup.sh"
        return
    command = [
        tool,
        "--dry-run",
        "--ferror-limit=1",
        *[p for p in paths if p.endswith((".h", ".cc"))],
    ]
    result = subprocess.run(command, cwd=root, stderr=subprocess.PIPE, text=True, check=False)
    for match in re.finditer(
        r"^([^\s:]+):(\d+):\d+: (?:warning|error):", result.stderr, re.MULTILINE
    ):
        yield f"{match[1]}:{match[2]}: format: run tools/format.sh"


def main(root):
    findings = []
    paths = list(walk(root))
    for path in paths:
        if not os.path.islink(os.path.join(root, path)):
            findings += check(read(root, path))
    findings += format_findings(root, paths)
    for finding in findings:
        print(finding)
    print(f"{len(paths)} files, {len(findings)} findings")
    return 1 if findings or len(paths) < 10 else 0


if __name__ == "__main__":
    # The test runs it through a symbolic link in Bazel's tree; the file itself lies in the
    # workspace.
    default_root = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../..")
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else default_root))
