#!/usr/bin/env python3
"""The benchmarks run, and report what docs/benchmarks.md says: so that they do not rot."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.getcwd(), "tools/lib"))
import bench_plot  # noqa: E402
import bench_table  # noqa: E402

ENGINES = ["Aurora", "RocksDB", "LevelDB", "LMDB"]
DEFAULTS = ["Aurora-default", "RocksDB-default", "LevelDB-default"]
SVG = "{http://www.w3.org/2000/svg}"
MICRO = "bench/micro"
TARGETS = "bench/targets.json"

# These fill memory first, which takes longer than all others together.
LARGE = r"/(100000|140000|500000|1000000|10000000)$"


def run(*arguments):
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{arguments}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


class Suite:
    """A suite runs at a tiny scale on every engine, and reports what it is to."""

    suite = ""
    peers = ENGINES
    others = []  # engines that measure something else than the rest
    scale = 0.001
    defaults = []  # which of the engines with their own defaults to run too
    flags = []

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        cls.addClassCleanup(cls.directory.cleanup)
        cls.program = f"bench/workloads/{cls.suite}_bench"
        cls.engines = run(cls.program, "--list-engines").split()
        cls.results = {engine: cls.run_on(engine) for engine in cls.engines + cls.defaults}

    @classmethod
    def run_on(cls, engine):
        path = os.path.join(cls.directory.name, "results.json")
        data = os.path.join(cls.directory.name, "data")
        run(
            *(cls.program, "--engine", engine, "--scale", str(cls.scale)),
            *("--directory", data, "--json", path, *cls.flags),
        )
        if os.listdir(data):
            raise AssertionError(f"{engine} leaves {os.listdir(data)}")
        return bench_table.read(path)

    def workloads(self, engine):
        return [result["workload"] for result in self.results[engine]]

    def test_every_engine_reports_every_workload_once(self):
        self.assertEqual(self.engines, [*self.others, *self.peers])
        workloads = self.workloads("Aurora")
        self.assertEqual(len(workloads), len(set(workloads)))
        for engine in self.peers[1:] + self.defaults:
            self.assertEqual(self.workloads(engine), workloads)

    def test_every_result_has_figures_and_the_name_of_its_engine(self):
        for engine, results in self.results.items():
            self.assertTrue(results)
            for result in results:
                bench_table.check_result(result)
                self.assertEqual(result["suite"], self.suite)
                if engine not in self.others:
                    self.assertEqual(result["engine"], engine)

    def test_every_target_is_measured(self):
        figures = bench_table.Figures(bench_table.merge_runs(sum(self.results.values(), [])))
        for target in bench_table.read(TARGETS):
            if target["suite"] == self.suite:
                self.assertNotEqual(bench_table.judge(target, figures)[2], "not measured", target)

    def drawings(self):
        """{file name: the parsed SVG}"""
        figures = bench_table.Figures(bench_table.merge_runs(sum(self.results.values(), [])))
        drawn = bench_plot.drawings(figures)
        return {name: xml.etree.ElementTree.fromstring(svg) for name, svg in drawn.items()}

    def test_a_bar_is_drawn_for_every_figure(self):
        results = sum(self.results.values(), [])
        bars = self.drawings()[f"{self.suite}.svg"].findall(f"{SVG}rect")
        self.assertEqual(len(bars), len(results))

    def test_an_engine_that_nobody_knows_is_refused(self):
        refusal = "(?s)exit code 2.*no engine is called 'nobody'"
        with self.assertRaisesRegex(AssertionError, refusal):
            run(self.program, "--engine", "nobody", "--directory", self.directory.name)


class KvSuite(Suite, unittest.TestCase):
    suite = "kv"
    others = ["device"]
    defaults = DEFAULTS

    def test_the_device_is_measured_by_its_synced_writes(self):
        self.assertEqual(self.workloads("device"), ["synced put, 1 writer"])

    def test_engines_at_their_defaults_are_listed_on_request(self):
        full = run(self.program, "--list-engines", "--full").split()
        self.assertEqual(full, self.engines + DEFAULTS)


class ValuesSuite(Suite, unittest.TestCase):
    suite = "values"


class ThreadsSuite(Suite, unittest.TestCase):
    suite = "threads"

    def test_the_growth_is_drawn(self):
        lines = self.drawings()["threads-growth.svg"].findall(f"{SVG}polyline")
        self.assertEqual(len(lines), 3 * len(ENGINES))


class YcsbSuite(Suite, unittest.TestCase):
    suite = "ycsb"


class DeviceSuite(Suite, unittest.TestCase):
    suite = "device"
    others = ["device"]
    scale = 0.01

    def test_the_device_is_read_in_blocks(self):
        self.assertIn("raw reads of 8 KiB, 32 in flight", self.workloads("device"))


class FootprintSuite(Suite, unittest.TestCase):
    suite = "footprint"
    scale = 0.01
    defaults = DEFAULTS


class RedbSuite(Suite, unittest.TestCase):
    suite = "redb"
    others = ["published"]

    def test_what_is_published_is_of_the_same_workloads_and_says_so(self):
        published = self.results["published"]
        self.assertEqual(set(self.workloads("published")), set(self.workloads("Aurora")))
        for result in published:
            self.assertTrue(result["engine"].endswith(" (published)"))
            self.assertIn("other hardware", result["note"])


class ScaleSuite(Suite, unittest.TestCase):
    suite = "scale"
    scale = 0.0001
    flags = ["--full"]


class DocumentsSuite(Suite, unittest.TestCase):
    suite = "documents"
    peers = ["Aurora", "SQLite"]
    others = ["original", "LMDB"]
    defaults = ["SQLite-compound", "Aurora-default", "SQLite-default"]
    flags = ["--full"]

    def test_what_is_published_is_of_the_same_workloads_and_says_so(self):
        self.assertTrue(set(self.workloads("original")) <= set(self.workloads("Aurora")))
        for result in self.results["original"]:
            self.assertEqual(result["engine"], "original (published)")
            self.assertIn("other hardware", result["note"])

    def test_the_growth_is_drawn(self):
        lines = self.drawings()["documents-growth.svg"].findall(f"{SVG}polyline")
        grown = {w.rsplit(",", 1)[0] for w in self.workloads("Aurora") if w.endswith(" K users")}
        self.assertEqual(len(lines), len(grown) * len(self.peers + self.defaults))


class SaturationSuite(Suite, unittest.TestCase):
    suite = "saturation"

    def test_the_puts_come_with_their_course(self):
        series = {r["workload"]: r["series"] for r in self.results["Aurora"]}
        for workload, course in series.items():
            self.assertEqual(course is not None, workload.startswith("overwrite, saturated"))
        self.assertGreater(series["overwrite, saturated"]["ops_per_second"][0], 0)

    def test_the_course_is_drawn(self):
        drawings = self.drawings()
        self.assertEqual(list(drawings), ["saturation.svg", "saturation-course.svg"])
        lines = drawings["saturation-course.svg"].findall(f"{SVG}polyline")
        self.assertEqual(len(lines), 2 * 2 * len(ENGINES))


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
            *("DatabaseGetHot", "DatabaseInsert/1", "QueryCountOfThree"),
        ):
            self.assertIn(layer, names)


if __name__ == "__main__":
    unittest.main()
