#!/usr/bin/env python3
"""Counts the test cases of `bazel test` runs, from their build event files and the test.xml of each
target.

  test_totals.py EVENTS.json ...        prints "PASSED FAILED", then one line for each failure

A gtest case counts as one when it ran; skipped and disabled ones do not. A test that is no gtest (a
script) counts as one. A target that did not build, crashed, timed out, or left no test.xml counts
as one failure: a test of which there is no trace did not pass.
"""

import json
import sys
import urllib.parse
import xml.etree.ElementTree


class Totals:
    def __init__(self):
        self.passed = 0
        self.failures = []

    def add_case(self, label, case):
        name = ".".join(n for n in (case.get("classname"), case.get("name")) if n)
        if case.get("status") == "notrun" or case.get("result") in ("skipped", "suppressed"):
            return
        if case.find("failure") is not None or case.find("error") is not None:
            self.failures.append(f"{label}: {name}")
        else:
            self.passed += 1

    def add_xml(self, label, path, status):
        """Adds the cases of one test.xml, and a failure if only the target as a whole failed."""
        failures_before = len(self.failures)
        passed_before = self.passed
        try:
            cases = list(xml.etree.ElementTree.parse(path).getroot().iter("testcase"))
        except (OSError, xml.etree.ElementTree.ParseError) as error:
            self.failures.append(f"{label}: no usable test.xml ({error}), status {status}")
            return
        for case in cases:
            self.add_case(label, case)
        if status != "PASSED" and len(self.failures) == failures_before:
            self.failures.append(f"{label}: {status}")
        if status == "PASSED" and not cases and self.passed == passed_before:
            self.failures.append(f"{label}: ran no test case")


def read_events(path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def local_path(uri):
    return urllib.parse.unquote(urllib.parse.urlparse(uri).path)


def add_run(totals, events):
    """Adds one `bazel test`: every result there is, then every test target that has none."""
    # A target is tried again, or sharded: the last attempt of each shard of each run is what
    # counts.
    results = {}
    tests_without_result = set()
    other_failures = []
    for event in events:
        identity = event.get("id", {})
        if "testResult" in identity and "testResult" in event:
            where = identity["testResult"]
            results[(where["label"], where.get("run", 1), where.get("shard", 1))] = event[
                "testResult"
            ]
        elif "targetConfigured" in identity and event.get("configured", {}).get("testSize"):
            tests_without_result.add(identity["targetConfigured"]["label"])
        elif "targetCompleted" in identity and not event.get("completed", {}).get("success"):
            other_failures.append(identity["targetCompleted"]["label"])
        elif "pattern" in identity and "aborted" in event:
            other_failures.append(event["aborted"].get("description", "a target pattern failed"))
    for (label, _, _), result in sorted(results.items()):
        files = {f["name"]: f.get("uri", "") for f in result.get("testActionOutput", [])}
        totals.add_xml(
            label, local_path(files.get("test.xml", "")), result.get("status", "NO_STATUS")
        )
        tests_without_result.discard(label)
    for label in sorted(tests_without_result.union(other_failures)):
        totals.failures.append(f"{label}: did not build or did not run")


def main(paths):
    totals = Totals()
    for path in paths:
        add_run(totals, read_events(path))
    print(totals.passed, len(totals.failures))
    for failure in totals.failures:
        print(failure)


if __name__ == "__main__":
    main(sys.argv[1:])
