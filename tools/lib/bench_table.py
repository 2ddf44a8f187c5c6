#!/usr/bin/env python3
"""Compares the engines of a benchmark suite.

  bench_table.py [--targets TARGETS.json] [--json OUT.json] RESULTS.json ...

RESULTS.json are lists of results as the *_bench programs write them. Several results of one
workload and engine are runs of it: each figure is their median. Prints the engines' figures side by
side (rates; of a workload without one, what it has), and how Aurora stands to each target.
docs/benchmarks.md describes both formats.
"""

import argparse
import json
import statistics
import sys

OURS = "Aurora"
METRICS = {
    "ops_per_second": "/s",
    "p50_us": "p50",
    "p99_us": "p99",
    "p999_us": "p99.9",
    "max_us": "max",
    "bytes_written_per_byte": "written",
    "space_ratio": "space",
    "amount": "",  # in the result's unit
}
FIELDS = ["suite", "workload", "engine", *METRICS, "unit", "note", "series"]
# What only one of these names holds to is judged; all else in a target is a mistake.
TARGET_FIELDS = {
    "suite", "workload", "metric", "against", "against_workload", "at_least", "at_most",
}  # fmt: skip


class BadInput(Exception):
    pass


def check_result(result):
    """Refuses what is no result, so that a figure is never lost by a misspelt name."""
    if list(result) != FIELDS:
        raise BadInput(f"a result has the fields {list(result)}, not {FIELDS}")
    for name in METRICS:
        value = result[name]
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise BadInput(f"{result['workload']}, {result['engine']}: {name} is {value!r}")
        if value is not None and not 0 <= value < float("inf"):
            raise BadInput(f"{result['workload']}, {result['engine']}: {name} is {value}")
    if all(result[name] is None for name in METRICS):
        raise BadInput(f"{result['workload']}, {result['engine']}: no figure at all")
    series = result["series"]
    if series is not None and (
        list(series) != ["ops_per_second", "max_us"]
        or len(series["ops_per_second"]) != len(series["max_us"])
    ):
        raise BadInput(f"{result['workload']}, {result['engine']}: its series are not two alike")


def merge_runs(results):
    """One result for each (suite, workload, engine), in the order of their first appearance."""
    runs = {}
    for result in results:
        check_result(result)
        key = (result["suite"], result["workload"], result["engine"])
        runs.setdefault(key, []).append(result)
    merged = []
    for (suite, workload, engine), same in runs.items():
        row = {"suite": suite, "workload": workload, "engine": engine}
        for metric in METRICS:
            values = [result[metric] for result in same if result[metric] is not None]
            row[metric] = statistics.median(values) if values else None
        # These are of the first run: there is no median of them.
        row.update({name: same[0][name] for name in ("unit", "note", "series")})
        merged.append(row)
    return merged


def short(value):
    """Three significant digits, with K or M."""
    for limit, unit in ((1e6, "M"), (1e3, "K")):
        if value >= limit:
            return f"{value / limit:.3g}{unit}" if value < 1000 * limit else f"{value / limit:.0f}M"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def figure(metric, value):
    if value is None:
        return "-"
    if metric.endswith("_us"):
        for limit, unit in ((1e6, "s"), (1e3, "ms")):
            if value >= limit:
                return f"{value / limit:.3g} {unit}"
        return f"{value:.3g} us"
    return short(value)


class Figures:
    def __init__(self, merged):
        self.rows = {(r["suite"], r["workload"], r["engine"]): r for r in merged}
        self.workloads = list(dict.fromkeys((r["suite"], r["workload"]) for r in merged))
        self.engines = list(dict.fromkeys(r["engine"] for r in merged))
        if OURS in self.engines:
            self.engines.remove(OURS)
            self.engines.insert(0, OURS)

    def get(self, suite, workload, engine, metric):
        return self.rows.get((suite, workload, engine), {}).get(metric)

    def name(self, suite, workload, metric):
        """What a metric of a workload is called: for an amount, its unit."""
        if metric != "amount":
            return METRICS.get(metric, "")
        units = [self.get(suite, workload, engine, "unit") for engine in self.engines]
        return next((unit for unit in units if unit), "")


def print_columns(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for number, row in enumerate(rows):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  ".join(cells).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))


def comparison(figures):
    """The rate of each workload, or what it has instead, and Aurora's ratio to each other one."""
    others = [engine for engine in figures.engines if engine != OURS]
    header = ["workload", "", *figures.engines, *(f"{OURS}/{engine}" for engine in others)]
    rows = [header]
    for suite, workload in figures.workloads:
        for metric in METRICS:
            values = {e: figures.get(suite, workload, e, metric) for e in figures.engines}
            if all(value is None for value in values.values()):
                continue
            if metric.endswith("_us") and rows[-1][:2] == [workload, "/s"]:
                break  # the latencies behind a rate: in the lines of the run, and in the JSON
            ours = values.get(OURS)
            name = figures.name(suite, workload, metric)
            row = [workload, name, *(figure(metric, values[e]) for e in figures.engines)]
            row += [f"{ours / values[e]:.2f}x" if ours and values[e] else "-" for e in others]
            rows.append(row)
    return rows


def judge(target, figures):
    """(what is promised, what was measured, "met", "MISSED" or "not measured") of a target."""
    bounds = [bound for bound in ("at_least", "at_most") if bound in target]
    unknown = set(target) - TARGET_FIELDS
    if len(bounds) != 1 or unknown or target.get("metric") not in METRICS:
        raise BadInput(f"no target: {target}")
    suite, workload, metric = target["suite"], target["workload"], target["metric"]
    at_least = bounds[0] == "at_least"
    bound = target[bounds[0]]
    measured = figures.get(suite, workload, OURS, metric)
    peers = target.get("against")
    if peers:
        against = target.get("against_workload", workload)
        theirs = [figures.get(suite, against, engine, metric) for engine in peers]
        if not all(theirs):
            measured = None
        elif measured is not None:
            measured /= max(theirs) if at_least else min(theirs)
    promise = ("at least " if at_least else "at most ") + (
        f"{bound:g}x " + "best of " * (len(peers) > 1) + ", ".join(peers)
        if peers
        else figure(metric, bound)
    )
    if "against_workload" in target:
        promise += f", {target['against_workload']}"
    if measured is None:
        return promise, "-", "not measured"
    met = measured >= bound if at_least else measured <= bound
    text = f"{measured:.2f}x" if peers else figure(metric, measured)
    return promise, text, "met" if met else "MISSED"


def judgements(targets, figures):
    suites = {suite for suite, _ in figures.workloads}
    rows = [["workload", "", "target", OURS, ""]]
    for target in targets:
        if target["suite"] in suites:
            name = figures.name(target["suite"], target["workload"], target.get("metric"))
            rows.append([target["workload"], name, *judge(target, figures)])
    return rows


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets")
    parser.add_argument("--json")
    parser.add_argument("results", nargs="+")
    options = parser.parse_args(arguments)
    merged = merge_runs(result for path in options.results for result in read(path))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(merged, file, indent=2)
            file.write("\n")
    figures = Figures(merged)
    print_columns(comparison(figures))
    if options.targets:
        print()
        print_columns(judgements(read(options.targets), figures))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (BadInput, OSError, json.JSONDecodeError) as error:
        sys.exit(f"bench_table: {error}")
