#!/usr/bin/env python3
"""A failure must never be counted as a pass, nor vanish from the totals."""

import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.getcwd(), "tools/lib"))
import test_totals  # noqa: E402

PASSING = """<testsuites><testsuite>
  <testcase name="passes" status="run" result="completed"/>
</testsuite></testsuites>"""
EMPTY = "<testsuites/>"
MIXED = """<testsuites><testsuite>
  <testcase name="passes" classname="S" status="run" result="completed"/>
  <testcase name="fails" classname="S" status="run" result="completed"><failure
  message="x"/></testcase> <testcase name="skips" classname="S" status="run"
  result="skipped"><skipped/></testcase> <testcase name="disabled" classname="S" status="notrun"
  result="suppressed"/>
</testsuite></testsuites>"""


class TestTotals(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.totals = test_totals.Totals()

    def configured(self, label):
        return {"id": {"targetConfigured": {"label": label}}, "configured": {"testSize": "SMALL"}}

    def result(self, label, status, xml, shard=1, attempt=1):
        output = []
        if xml is not None:
            path = os.path.join(self.directory.name, f"{label.strip('/')} {shard} {attempt}.xml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(xml)
            output = [{"name": "test.xml", "uri": "file://" + path.replace(" ", "%20")}]
        where = {"label": label, "run": 1, "shard": shard, "attempt": attempt}
        return {
            "id": {"testResult": where},
            "testResult": {"status": status, "testActionOutput": output},
        }

    def count(self, *events):
        test_totals.add_run(self.totals, events)
        return self.totals.passed, len(self.totals.failures)

    def test_cases_that_ran_are_counted_each(self):
        self.assertEqual(
            self.count(self.configured("//a"), self.result("//a", "FAILED", MIXED)), (1, 1)
        )
        self.assertEqual(self.totals.failures, ["//a: S.fails"])

    def test_a_target_without_a_result_is_a_failure(self):
        self.assertEqual(self.count(self.configured("//a")), (0, 1))

    def test_a_passed_target_without_its_xml_is_a_failure(self):
        self.assertEqual(self.count(self.result("//a", "PASSED", None)), (0, 1))

    def test_a_broken_xml_is_a_failure(self):
        self.assertEqual(self.count(self.result("//a", "PASSED", "<testsuites>")), (0, 1))

    def test_a_target_that_died_after_its_cases_passed_is_a_failure(self):
        self.assertEqual(self.count(self.result("//a", "TIMEOUT", PASSING)), (1, 1))

    def test_a_target_that_ran_nothing_is_a_failure(self):
        self.assertEqual(self.count(self.result("//a", "PASSED", EMPTY)), (0, 1))

    def test_shards_add_up_and_the_last_attempt_counts(self):
        self.assertEqual(
            self.count(
                self.configured("//a"),
                self.result("//a", "FAILED", MIXED, shard=1, attempt=1),
                self.result("//a", "PASSED", PASSING, shard=1, attempt=2),
                self.result("//a", "PASSED", PASSING, shard=2),
            ),
            (2, 0),
        )

    def test_a_library_that_does_not_build_is_a_failure(self):
        self.assertEqual(
            self.count({"id": {"targetCompleted": {"label": "//lib"}}, "completed": {}}), (0, 1)
        )


if __name__ == "__main__":
    unittest.main()
