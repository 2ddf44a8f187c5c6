#!/usr/bin/env python3
"""The benchmarks run, and report what docs/benchmarks.md says: so that they do not rot."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.getcwd(), "tools/lib"))
import bench_table  # noqa: E402

KV_BENCH = "bench/workloads/kv_bench"
SATURATION_BENCH = "bench/workloads/saturation_bench"
MICRO = "bench/micro"
TARGETS = "bench/targets.json"

# These fill memory first, which takes longer than all others together.
LARGE = r"/(100000|140000|500000|1000000|10000000)$"


def run(*arguments):
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{arguments}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


class KvSuite(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        cls.addClassCleanup(cls.directory.cleanup)
        cls.results = {}
        cls.engines = run(KV_BENCH, "--list-engines").split()
        for engine in cls.engines:
            path = os.path.join(cls.directory.name, "results.json")
            data = os.path.join(cls.directory.name, "data")
            run(
                *(KV_BENCH, "--engine", engine, "--scale", "0.001"),
                *("--directory", data, "--json", path),
            )
            cls.results[engine] = bench_table.read(path)
            if os.listdir(data):
                raise AssertionError(f"{engine} leaves {os.listdir(data)}")

    def test_every_engine_reports_every_workload_once(self):
        self.assertEqual(self.engines, ["device", "Aurora", "RocksDB", "LevelDB", "LMDB"])
        workloads = [result["workload"] for result in self.results["Aurora"]]
        self.assertEqual(len(workloads), len(set(workloads)))
        for engine in self.engines:
            names = [result["workload"] for result in self.results[engine]]
            self.assertEqual(names, ["synced put, 1 writer"] if engine == "device" else workloads)

    def test_every_result_has_figures_and_the_name_of_its_engine(self):
        for engine, results in self.results.items():
            for result in results:
                bench_table.check_result(result)
                self.assertEqual((result["suite"], result["engine"]), ("kv", engine))

    def test_every_target_is_measured(self):
        figures = bench_table.Figures(bench_table.merge_runs(sum(self.results.values(), [])))
        targets = [t for t in bench_table.read(TARGETS) if t["suite"] == "kv"]
        self.assertTrue(targets)
        for target in targets:
            self.assertNotEqual(bench_table.judge(target, figures)[2], "not measured", target)

    def test_an_engine_that_nobody_knows_is_refused(self):
        refusal = "(?s)exit code 2.*no engine is called 'SQLite'"
        with self.assertRaisesRegex(AssertionError, refusal):
            run(KV_BENCH, "--engine", "SQLite", "--directory", self.directory.name)


class SaturationSuite(unittest.TestCase):
    def test_it_measures_what_its_targets_are_about(self):
        with tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR")) as directory:
            path = os.path.join(directory, "results.json")
            data = os.path.join(directory, "data")
            run(
                *(SATURATION_BENCH, "--engine", "Aurora", "--scale", "0.001"),
                *("--directory", data, "--json", path),
            )
            results = bench_table.read(path)
            self.assertEqual(os.listdir(data), [])
        for result in results:
            bench_table.check_result(result)
            self.assertEqual((result["suite"], result["engine"]), ("saturation", "Aurora"))
        figures = bench_table.Figures(bench_table.merge_runs(results))
        targets = [t for t in bench_table.read(TARGETS) if t["suite"] == "saturation"]
        self.assertTrue(targets)
        for target in targets:
            self.assertNotEqual(bench_table.judge(target, figures)[2], "not measured", target)


class Micro(unittest.TestCase):
    def test_every_layer_has_microbenchmarks_and_they_run(self):
        with tempfile.NamedTemporaryFile(suffix=".json") as out:
            run(
                *(MICRO, "--benchmark_min_time=0.0001", f"--benchmark_filter=-{LARGE}"),
                *(f"--benchmark_out={out.name}", "--benchmark_out_format=json"),
            )
            benchmarks = json.load(out)["benchmarks"]
        self.assertFalse([b["name"] for b in benchmarks if b.get("error_occurred")])
        names = " ".join(b["name"] for b in benchmarks)
        for layer in (
            *("AwaitLeafCoroutine", "ChannelSend", "LogAppend/kProcess", "LogSyncedAppend"),
            *("MemtableInsert", "BlockSeek", "FilterProbe", "TableGet", "MergeNext"),
            *("BlockCacheFind", "HotTierHit", "RowSetAnd", "PostingFold", "EqualityIndexRows"),
            *("KeyEncode", "DocumentReadString", "JsonParse"),
        ):
            self.assertIn(layer, names)


if __name__ == "__main__":
    unittest.main()
