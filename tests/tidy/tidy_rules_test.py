#!/usr/bin/env python3
"""Every rule of tidy.py finds a planted violation, and lets pass what only looks like one."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import cpp_text  # noqa: E402
import tidy  # noqa: E402

# Written in two parts, so that this file does not break the rules itself.
LATER = "TO" + "DO"
HOME = "/ho" + "me/ada"


def function_of(lines):
    return "int F() {\n" + "  g();\n" * (lines - 2) + "}\n"


# Rule: [(path, text with a violation, the line where it is)].
VIOLATIONS = {
    "line_length": [
        ("lsm/a.cc", "int a;\n// " + "x" * 98 + "\n", 2),
        ("lsm/BUILD.bazel", "#" * 101 + "\n", 1),
    ],
    "function_length": [
        ("lsm/a.cc", "int a;\n" + function_of(70), 2),
        ("lsm/a.cc", "A::A() : b_{1}, c_{2} {\n" + "  g();\n" * 69 + "}\n", 1),
        ("lsm/a.h", "class A {\n  void B() const {\n" + "g();\n" * 69 + "}\n};\n", 2),
    ],
    "file_length": [("lsm/a.h", "\n" * 300, 300), ("lsm/a.cc", "\n" * 700, 700)],
    "layer_names": [
        ("runtime/a.h", '#include "aurora/lsm/log.h"\n', 1),
        ("lsm/a.h", "\n// As engine/document/value.h does.\n", 2),
        ("cache/a.cc", "lsm::Log* log;\n", 1),
    ],
    "library_borders": [
        ("lsm/a.cc", "#include <roaring/roaring.h>\n", 1),
        ("index/a.cc", "#include <capnp/message.h>\n", 1),
        ("runtime/a.cc", '#include "aurora/lsm/edit.capnp.h"\n', 1),
        ("lsm/a.cc", "#include <liburing.h>\n", 1),
    ],
    "machine_access": [
        ("lsm/a.cc", "std::thread t;\n", 1),
        ("lsm/a.cc", "std::this_thread::yield();\n", 1),
        ("index/a.cc", "\nauto t = std::chrono::steady_clock::now();\n", 2),
        ("engine/a.cc", "auto t = absl::Now();\n", 1),
        ("engine/query/a.cc", "time_t t = time(nullptr);\n", 1),
        ("cache/a.cc", "int r = rand();\n", 1),
        ("cache/a.cc", "return rand();\n", 1),
        ("cache/a.cc", "std::random_device device;\n", 1),
        ("lsm/a.cc", "int n = pread(fd, p, 1, 0);\n", 1),
        ("lsm/a.cc", "int n = ::open(path, 0);\n", 1),
        ("lsm/a.cc", "std::ifstream in;\n", 1),
        ("lsm/a.cc", "thread_local int x;\n", 1),
        ("lsm/a.h", "#include <unistd.h>\n", 1),
    ],
    "abseil": [
        ("runtime/a.h", "absl::Mutex mutex;\n", 1),
        ("lsm/a.h", "absl::Cord cord;\n", 1),
        ("lsm/a.h", "void F(absl::string_view s);\n", 1),
    ],
    "printing": [
        ("lsm/a.cc", 'std::cerr << "x";\n', 1),
        ("runtime/a.cc", 'std::fprintf(stderr, "x");\n', 1),
    ],
    "todo": [
        ("lsm/a.cc", f"// {LATER}: faster\n", 1),
        ("lsm/a.cc", f"// {LATER}(ada): faster\n", 1),
        ("tools/a.sh", "# FIX" "ME\n", 1),
    ],
    "machine_paths": [("docs/a.md", f"See {HOME}/x.\n", 1)],
    "whitespace": [
        ("lsm/a.cc", "int a; \n", 1),
        ("docs/a.md", "a\r\n", 1),
        ("lsm/a.cc", "\tint a;\n", 1),
        ("lsm/a.cc", "int a;", 1),
        ("lsm/a.cc", "int a;\n\n", 3),
    ],
    "ascii_code": [("lsm/a.cc", "// \u00e9\n", 1)],
    "include_form": [
        ("lsm/a.cc", '#include "lsm/a.h"\n', 1),
        ("lsm/a.cc", '#include "a.h"\n', 1),
        ("lsm/a.cc", "#include <aurora/lsm/a.h>\n", 1),
        ("lsm/a.h", "int a;\n", 1),
    ],
}

# Rule: [(path, text without a violation of it)].
INNOCENT = {
    "line_length": [
        ("docs/a.md", "x" * 200 + "\n"),
        ("lsm/a.h", "// https://example.com/" + "x" * 100 + "\n"),
    ],
    "function_length": [
        ("lsm/a.cc", function_of(69)),
        ("lsm/a_test.cc", function_of(100)),
        ("lsm/a.cc", "constexpr int kTable[] = {\n" + "1,\n" * 100 + "};\n"),
        ("lsm/a.cc", "namespace a {\n" + "int b;\n" * 100 + "}  // namespace a\n"),
        ("lsm/a.h", "class A final : public B<C> {\n" + "int b;\n" * 100 + "};\n"),
        ("lsm/a.cc", "const char* a = \"{\";  // {\nchar b = '{';\n" + "int c;\n" * 100),
        ("lsm/a.cc", "#define A(x) \\\n  {\n" + "int c;\n" * 100),
    ],
    "file_length": [
        ("lsm/a.h", "\n" * 299),
        ("lsm/a.cc", "\n" * 699),
        ("lsm/a_test.cc", "\n" * 900),
    ],
    "layer_names": [
        ("lsm/a.h", '#include "aurora/cache/cache.h"\n'),
        ("engine/a.h", '#include "aurora/lsm/log.h"\n'),
        ("runtime/a.h", "// An index/offset pair; searches/indexes.\n"),
    ],
    "library_borders": [
        ("index/a.cc", "#include <roaring/roaring.h>\n"),
        ("lsm/a.cc", "#include <capnp/message.h>\n"),
        ("bench/a.cc", "#include <liburing.h>\n"),
    ],
    "machine_access": [
        ("runtime/a.cc", "std::thread t;\n"),
        ("lsm/a_test.cc", "std::thread t;\n"),
        ("lsm/a.cc", '// Never std::thread, nor time().\nconst char* a = "rand()";\n'),
        ("lsm/a.cc", "co_await file.read(1); file->open(); Table::open(); mtime(); my_rand();\n"),
        ("lsm/a.cc", "Sleep sleep(worker);\n"),
        ("lsm/a.h", "#include <mutex>\n#include <atomic>\n#include <chrono>\n"),
    ],
    "abseil": [("runtime/strings.h", "absl::string_view s;\n"), ("lsm/a.h", "// absl::Cord\n")],
    "printing": [
        ("lsm/a.cc", "std::snprintf(buffer, 9, format);\n"),
        ("tools/a.cc", 'std::cerr << "x";\n'),
        ("lsm/a_test.cc", 'std::cout << "x";\n'),
    ],
    "todo": [("lsm/a.cc", f"// {LATER}(perf): use a wider load.\n"), ("docs/a.md", LATER + "\n")],
    "machine_paths": [("docs/a.md", "See docs/ho" "me/x and //ho" "me.\n")],
    "whitespace": [("lsm/a.cc", "int a;\n")],
    "ascii_code": [("docs/a.md", "\u00e9\n")],
    "include_form": [
        ("lsm/a.cc", '#include "lsm/edit.capnp.h"\n'),
        ("lsm/a.h", '#pragma once\n#include "aurora/lsm/b.h"\n#include "gtest/gtest.h"\n'),
        ("lsm/a.cc", '#include <capnp/message.h>\n#include "absl/status/status.h"\n'),
    ],
}


def rule_named(name):
    return next(rule for rule in tidy.RULES if rule.__name__ == name)


class TidyRulesTest(unittest.TestCase):
    def test_every_rule_finds_what_is_planted(self):
        for name, plants in VIOLATIONS.items():
            for path, text, line in plants:
                with self.subTest(rule=name, text=text[:60]):
                    found = list(rule_named(name)(tidy.File(path, text)))
                    self.assertIn(line, [number for number, _ in found])

    def test_no_rule_finds_what_is_innocent(self):
        for name, texts in INNOCENT.items():
            for path, text in texts:
                with self.subTest(rule=name, text=text[:60]):
                    self.assertEqual(list(rule_named(name)(tidy.File(path, text))), [])

    def test_every_rule_has_a_plant(self):
        elsewhere = {"executable_bit", "large_file", "thread_tag", "links"}
        self.assertEqual({rule.__name__ for rule in tidy.RULES}, set(VIOLATIONS) | elsewhere)

    def test_executable_bits_belong_to_scripts_and_to_all_of_them(self):
        rule = tidy.executable_bit
        self.assertTrue(list(rule(tidy.File("a.cc", "int a;\n", executable=True))))
        self.assertTrue(list(rule(tidy.File("a.sh", "#!/bin/bash\n", executable=False))))
        self.assertFalse(list(rule(tidy.File("a.sh", "#!/bin/bash\n", executable=True))))
        self.assertFalse(list(rule(tidy.File("a.sh", "f() { :; }\n", executable=False))))

    def test_tests_with_threads_need_the_tag(self):
        def found(source, tags):
            text = f'cc_test(\n    name = "a",\n    srcs = ["a.cc"],{tags}\n)\n'
            file = tidy.File("lsm/BUILD.bazel", "\n" + text, sibling=lambda name: source)
            return [line for line, _ in tidy.thread_tag(file)]

        self.assertEqual(found("std::thread t;\n", ""), [2])
        self.assertEqual(found("std::thread t;\n", ' tags = ["threads"],'), [])
        self.assertEqual(found("// std::thread\nint a;\n", ""), [])

    def test_links_to_what_is_not_there_are_found(self):
        pages = {
            "docs/a.md": "# A page\n## Why: two `things`\n```\n# no heading\n```\n",
            "README.md": "",
            "lsm": "",
            "lsm/log.h": "",
        }

        def found(path, text):
            return [line for line, _ in tidy.links(tidy.File(path, text, page=pages.get))]

        self.assertEqual(found("lsm/a.h", "// See docs/a.md.\n// See docs/b.md.\n"), [2])
        self.assertEqual(found("README.md", "[a](docs/a.md)\n[b](docs/b.md)\n"), [2])
        self.assertEqual(found("docs/c.md", "`lsm/log.h`, `lsm/lock.h`\n"), [1])
        self.assertEqual(found("README.md", "[a](docs/a.md#why-two-things)\n[l](lsm)\n"), [])
        self.assertEqual(found("README.md", "[a](docs/a.md#no-heading)\n"), [1])
        self.assertEqual(found("docs/a.md", "[a](a.md) [r](../README.md)\n[b](b.md)\n"), [2])
        self.assertEqual(found("docs/a.md", "# Here\n[here](#here)\n[there](#there)\n"), [3])
        self.assertEqual(found("docs/a.md", "[a](https://example.com/b.md)\n"), [])
        self.assertEqual(found("lsm/a.h", "auto x = [](int){}; // other/docs/b.md\n"), [])

    def test_large_files_are_found(self):
        self.assertTrue(list(tidy.large_file(tidy.File("a.bin", "", size=600_000))))
        self.assertFalse(list(tidy.large_file(tidy.File("a.bin", "", size=60_000))))

    def test_findings_name_file_line_and_rule(self):
        found = list(tidy.check(tidy.File("lsm/a.cc", "int a;\n\tint b;\n")))
        self.assertEqual(found, ["lsm/a.cc:2: whitespace: a tab: use spaces"])


class FunctionsTest(unittest.TestCase):
    def lengths(self, text):
        return [count for _, count in cpp_text.functions(text)]

    def test_functions_of_all_shapes_are_seen_once(self):
        shapes = {
            "int F() {\n}\n": [2],
            "template <class T>\nint F(T t = {}) requires C<T> {\n}\n": [3],
            "A::A(int a)\n    : a_(a), b_{a} {\n}\n": [3],
            "struct A {\n  int B() { return 1; }\n  bool operator==(const A&) const {\n  }\n};\n": [
                1,
                2,
            ],
            "auto f = [](int a) { return a; };\n": [],
            "void F() {\n  auto g = [] {\n  };\n  struct B {\n  };\n}\n": [6],
            "enum class E : int { kA, kB };\nstruct S { int a{1}; int b = 2; };\n": [],
            "TEST(A, B) {\n}\n": [2],
            'R"x({)x";\nint F() {\n}\n': [2],
            "int n = 1'000'000;\nint F() {\n}\n": [2],
            "A& operator=(A&& a) {\n}\n": [2],
            'class [[nodiscard("x")]] A {\n  int B() {\n  }\n};\n': [2],
        }
        for text, lengths in shapes.items():
            with self.subTest(text=text):
                self.assertEqual(self.lengths(text), lengths)


class TreeTest(unittest.TestCase):
    """The whole command over a small tree."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = directory.name
        self.write(".gitignore", "/bazel-*\n/out/\n")
        for number in range(10):
            self.write(f"lsm/f{number}.cc", f"int f{number};\n")

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)

    def run_tidy(self):
        script = os.path.join(os.path.dirname(os.path.realpath(__file__)), "tidy.py")
        result = subprocess.run(
            [sys.executable, script, self.root], stdout=subprocess.PIPE, text=True, check=False
        )
        return result.returncode, result.stdout

    def test_a_clean_tree_passes(self):
        self.assertEqual(self.run_tidy(), (0, "11 files, 0 findings\n"))

    def test_what_is_ignored_is_not_read(self):
        self.write("bazel-out/a.cc", "\t")
        self.write("out/a.cc", "\t")
        self.assertEqual(self.run_tidy()[0], 0)

    def test_a_violation_fails(self):
        self.write("lsm/bad.cc", "int  a;\n")
        code, output = self.run_tidy()
        self.assertEqual(code, 1)
        self.assertTrue(re.search(r"^lsm/bad.cc:1: format: run tools/format.sh$", output, re.M))


if __name__ == "__main__":
    unittest.main()
