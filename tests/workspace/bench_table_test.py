#!/usr/bin/env python3
"""A figure is never lost, and a target never met by mistake."""

import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.getcwd(), "tools/lib"))
import bench_table  # noqa: E402


def result(engine, workload="put", **figures):
    row = {"suite": "kv", "workload": workload, "engine": engine}
    row.update({metric: figures.get(metric) for metric in bench_table.METRICS})
    row.update(unit=None, note="", series=None)
    return row


def figures(*results):
    return bench_table.Figures(bench_table.merge_runs(results))


class MergeRuns(unittest.TestCase):
    def test_runs_of_one_workload_and_engine_become_their_median(self):
        merged = bench_table.merge_runs(
            result("Aurora", ops_per_second=rate, p50_us=p50)
            for rate, p50 in ((10, 3), (1000, 1), (20, None))
        )
        self.assertEqual([r["ops_per_second"] for r in merged], [20])
        self.assertEqual([r["p50_us"] for r in merged], [2])
        self.assertEqual([r["max_us"] for r in merged], [None])

    def test_what_is_no_result_is_refused(self):
        good = result("Aurora", ops_per_second=1)
        for bad in (
            {**good, "p95_us": 1},
            {k: v for k, v in good.items() if k != "note"},
            {**good, "p50_us": "1"},
            {**good, "p50_us": True},
            {**good, "p50_us": float("nan")},
            {**good, "p50_us": -1},
            {**good, "series": {"ops_per_second": [1, 2], "max_us": [1]}},
            {**good, "series": {"ops_per_second": [1]}},
            result("Aurora"),
        ):
            with self.assertRaises(bench_table.BadInput, msg=bad):
                bench_table.merge_runs([bad])


class Judge(unittest.TestCase):
    TARGET = {
        "suite": "kv",
        "workload": "put",
        "metric": "ops_per_second",
        "against": ["A", "B"],
        "at_least": 2,
    }

    def judge(self, target, *results):
        return bench_table.judge(target, figures(*results))[1:]

    def test_the_best_peer_counts(self):
        peers = (result("A", ops_per_second=10), result("B", ops_per_second=40))
        ours = result("Aurora", ops_per_second=79)
        self.assertEqual(self.judge(self.TARGET, ours, *peers), ("1.98x", "MISSED"))
        ours = result("Aurora", ops_per_second=80)
        self.assertEqual(self.judge(self.TARGET, ours, *peers), ("2.00x", "met"))

    def test_of_what_should_be_small_the_smallest_peer_counts(self):
        target = {**self.TARGET, "metric": "p999_us", "at_most": 0.1}
        del target["at_least"]
        peers = (result("A", p999_us=100), result("B", p999_us=200))
        self.assertEqual(self.judge(target, result("Aurora", p999_us=10), *peers)[1], "met")
        self.assertEqual(self.judge(target, result("Aurora", p999_us=11), *peers)[1], "MISSED")

    def test_without_the_peer_or_ourselves_nothing_is_measured(self):
        ours, a = result("Aurora", ops_per_second=80), result("A", ops_per_second=1)
        self.assertEqual(self.judge(self.TARGET, ours, a)[1], "not measured")
        b = result("B", ops_per_second=1)
        self.assertEqual(self.judge(self.TARGET, a, b)[1], "not measured")

    def test_a_target_without_a_peer_is_a_bound(self):
        target = {"suite": "kv", "workload": "put", "metric": "max_us", "at_most": 50}
        self.assertEqual(self.judge(target, result("Aurora", max_us=50)), ("50 us", "met"))
        self.assertEqual(self.judge(target, result("Aurora", max_us=51)), ("51 us", "MISSED"))

    def test_another_workload_of_ours_can_be_the_measure(self):
        target = {**self.TARGET, "against": ["Aurora"], "against_workload": "one", "at_least": 20}
        many = result("Aurora", ops_per_second=200)
        one = result("Aurora", "one", ops_per_second=10)
        self.assertEqual(self.judge(target, many, one), ("20.00x", "met"))

    def test_what_is_no_target_is_refused(self):
        for bad in (
            {**self.TARGET, "at_most": 1},
            {**self.TARGET, "metric": "speed"},
            {**self.TARGET, "atleast": 1},
        ):
            with self.assertRaises(bench_table.BadInput, msg=bad):
                self.judge(bad, result("Aurora", ops_per_second=1))


class Comparison(unittest.TestCase):
    def test_aurora_comes_first_with_its_ratio_to_each(self):
        rows = bench_table.comparison(
            figures(
                result("A", ops_per_second=2_000_000, p50_us=1),
                result("Aurora", ops_per_second=5_000_000, p50_us=1),
                result("A", "reopen", max_us=2_500),
                result("Aurora", "reopen", max_us=250),
            )
        )
        self.assertEqual(
            rows,
            [
                ["workload", "", "Aurora", "A", "Aurora/A"],
                ["put", "/s", "5M", "2M", "2.50x"],
                ["reopen", "max", "250 us", "2.5 ms", "0.10x"],
            ],
        )


if __name__ == "__main__":
    unittest.main()
