#!/usr/bin/env python3
"""Draws the figures of a benchmark suite as SVG, readable on light and on dark ground.

  bench_plot.py --out DIR RESULTS.json ...

RESULTS.json are as for bench_table.py. Writes, below DIR, what the results have matter for:

  SUITE.svg          each workload: a bar for each engine, its figure, and Aurora's divided by it
  SUITE-growth.svg   workloads that differ in a number alone (", 4 threads", ", 10 M keys",
                     ", 10 K users"): lines
  SUITE-course.svg   workloads with a course: the rate and the longest operation of each second
"""

import argparse
import math
import os
import re
import sys
from xml.sax.saxutils import escape

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import bench_table  # noqa: E402

# Of a middle lightness: they stand out from white and from black.
COLOURS = {
    "Aurora": "#e8590c",
    "RocksDB": "#3b82f6",
    "LevelDB": "#2f9e44",
    "LMDB": "#a855f7",
}
MORE_COLOURS = ["#868e96", "#d6336c", "#0c8599", "#b08900", "#5c7cfa", "#74942b"]
# The grey of the text too, for viewers that know no media queries.
STYLE = """
  text { font: 12px sans-serif; fill: #7a828e }
  .title { font-weight: bold; font-size: 14px }
  .small { font-size: 11px }
  .grid { stroke: #7a828e; stroke-opacity: .3 }
  .line { fill: none; stroke-width: 2 }
  @media (prefers-color-scheme: light) { text { fill: #24292f } }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }
"""


class Drawing:
    def __init__(self, width):
        self.width = width
        self.height = 0
        self.parts = []

    def text(self, x, y, text, anchor="start", kind=""):
        kind = f' class="{kind}"' if kind else ""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{escape(text)}</text>'
        )

    def bar(self, x, y, width, height, colour):
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height:.1f}"'
            f' fill="{colour}"/>'
        )

    def grid(self, x1, y1, x2, y2):
        self.parts.append(
            f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
        )

    def line(self, points, colour, dots):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline class="line" stroke="{colour}" points="{path}"/>')
        for x, y in points if dots else []:
            self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')

    def legend(self, x, y, engines, colours):
        for engine in engines:
            self.bar(x, y - 10, 12, 12, colours[engine])
            self.text(x + 17, y, engine)
            x += 34 + 7 * len(engine)

    def svg(self):
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}"'
            f' height="{self.height:.0f}" viewBox="0 0 {self.width} {self.height:.0f}">\n'
            f"<style>{STYLE}</style>\n" + "\n".join(self.parts) + "\n</svg>\n"
        )


def colours_of(engines):
    more = iter(MORE_COLOURS * len(engines))
    return {engine: COLOURS.get(engine) or next(more) for engine in engines}


def engines_of(figures, suite):
    return [e for e in figures.engines if any((suite, e) == (s, x) for s, _, x in figures.rows)]


def metric_of(figures, suite, workload):
    """The metric that a workload is about: its rate, or the first that it has."""
    for metric in bench_table.METRICS:
        if any(figures.get(suite, workload, e, metric) is not None for e in figures.engines):
            return metric
    raise AssertionError(workload)


def labelled(figures, suite, workload, metric):
    name = figures.name(suite, workload, metric)
    less = "" if metric == "ops_per_second" else ", less is better"
    return f"{workload} ({name}{less})" if name else f"{workload}{less}"


BAR = 14
BARS_LEFT = 150
BARS_WIDTH = 430


def draw_bars(figures, suite, colours):
    """One group of bars for each workload, to the scale of its longest."""
    drawing = Drawing(800)
    y = 24
    drawing.text(10, y, f"{suite}: figures, and Aurora's divided by them", kind="title")
    y += 12
    for a_suite, workload in figures.workloads:
        if a_suite != suite:
            continue
        metric = metric_of(figures, suite, workload)
        values = {e: figures.get(suite, workload, e, metric) for e in figures.engines}
        values = {engine: value for engine, value in values.items() if value is not None}
        most = max(values.values()) or 1
        ours = values.get(bench_table.OURS)
        y += 26
        drawing.text(10, y, labelled(figures, suite, workload, metric))
        y += 6
        for engine, value in values.items():
            drawing.text(BARS_LEFT - 6, y + BAR - 3, engine, "end", "small")
            width = value / most * BARS_WIDTH
            drawing.bar(BARS_LEFT, y, width, BAR - 2, colours[engine])
            note = bench_table.figure(metric, value)
            if engine != bench_table.OURS and ours is not None and value:
                note += f"  ({ours / value:.2f}x)"
            drawing.text(BARS_LEFT + width + 6, y + BAR - 3, note, kind="small")
            y += BAR
    drawing.height = y + 12
    return drawing.svg()


def nice_ceiling(value):
    """A round number that is not less."""
    power = 10 ** math.floor(math.log10(value))
    return next(m * power for m in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if m * power >= value * 0.999)


class Axes:
    """A plot from (left, top): x runs over `xs` (equally spaced steps, or linear), y from 0, or
    over decades."""

    WIDTH = 640
    HEIGHT = 170
    LEFT = 80

    def __init__(self, drawing, top, title, metric, values, decades):
        self.drawing = drawing
        self.top = top
        self.decades = decades
        most = max(values)
        if decades:
            least = min(value for value in values if value > 0)
            self.low = math.floor(math.log10(least))
            self.high = max(math.ceil(math.log10(most)), self.low + 1)
            ticks = [10.0**e for e in range(self.low, self.high + 1)]
        else:
            self.most = nice_ceiling(most) if most > 0 else 1
            ticks = [self.most * i / 4 for i in range(5)]
        drawing.text(self.LEFT, top - 8, title)
        for tick in ticks:
            y = self.y(tick)
            drawing.grid(self.LEFT, y, self.LEFT + self.WIDTH, y)
            text = bench_table.figure(metric, tick) if tick else "0"
            drawing.text(self.LEFT - 6, y + 4, text, "end", "small")

    def y(self, value):
        if self.decades:
            share = (math.log10(max(value, 10.0**self.low)) - self.low) / (self.high - self.low)
        else:
            share = value / self.most
        return self.top + self.HEIGHT * (1 - share)

    def x_label(self, share, text):
        x = self.LEFT + share * self.WIDTH
        self.drawing.text(x, self.top + self.HEIGHT + 16, text, "middle", "small")

    def line(self, shares, values, colour, dots):
        points = [(self.LEFT + s * self.WIDTH, self.y(v)) for s, v in zip(shares, values)]
        self.drawing.line(points, colour, dots)


_GROWTH = re.compile(r"^(.*), (\d+) (M keys|K users|threads?)$")


def growing(figures, suite):
    """{what: {number: workload}} of the workloads that differ in a number, and what it counts."""
    families = {}
    counted = {}
    for a_suite, workload in figures.workloads:
        match = _GROWTH.match(workload)
        if a_suite == suite and match:
            families.setdefault(match[1], {})[int(match[2])] = workload
            counted[match[1]] = "threads" if match[3].startswith("thread") else match[3]
    return {what: (counted[what], w) for what, w in families.items() if len(w) > 1}


def draw_growth(figures, suite, colours):
    families = growing(figures, suite)
    drawing = Drawing(760)
    drawing.text(10, 24, f"{suite}: as the number grows", kind="title")
    drawing.legend(Axes.LEFT, 48, engines_of(figures, suite), colours)
    top = 90
    for what, (counted, workloads) in families.items():
        numbers = sorted(workloads)
        metric = metric_of(figures, suite, workloads[numbers[0]])
        lines = {}
        for engine in figures.engines:
            values = [figures.get(suite, workloads[n], engine, metric) for n in numbers]
            if None not in values:
                lines[engine] = values
        if not lines:
            continue
        title = labelled(figures, suite, what, metric)
        everything = [value for values in lines.values() for value in values]
        axes = Axes(drawing, top, title, metric, everything, decades=False)
        shares = [(i + 0.5) / len(numbers) for i in range(len(numbers))]
        for share, number in zip(shares, numbers):
            unit = counted[:-1] if number == 1 and counted == "threads" else counted
            axes.x_label(share, f"{number} {unit}")
        for engine, values in lines.items():
            axes.line(shares, values, colours[engine], dots=True)
        top += Axes.HEIGHT + 60
    drawing.height = top - 20
    return drawing.svg()


def draw_course(figures, suite, colours):
    drawing = Drawing(760)
    drawing.text(10, 24, f"{suite}: each second", kind="title")
    drawing.legend(Axes.LEFT, 48, engines_of(figures, suite), colours)
    top = 90
    for workload in courses(figures, suite):
        series = {e: figures.get(suite, workload, e, "series") for e in figures.engines}
        series = {engine: one for engine, one in series.items() if one}
        seconds = max(len(one["max_us"]) for one in series.values())
        for metric, name in (
            ("ops_per_second", "operations, a second"),
            ("max_us", "the longest one in it, less is better"),
        ):
            everything = [value for one in series.values() for value in one[metric]]
            decades = metric == "max_us" and any(everything)
            axes = Axes(drawing, top, f"{workload}: {name}", metric, everything, decades)
            for second in sorted({round(seconds * quarter / 4) for quarter in range(5)}):
                axes.x_label(second / seconds, f"{second} s")
            for engine, one in series.items():
                shares = [(i + 0.5) / seconds for i in range(len(one[metric]))]
                axes.line(shares, one[metric], colours[engine], dots=seconds < 10)
            top += Axes.HEIGHT + 60
    drawing.height = top - 20
    return drawing.svg()


def courses(figures, suite):
    return [
        workload
        for a_suite, workload in figures.workloads
        if a_suite == suite
        and any(figures.get(suite, workload, e, "series") for e in figures.engines)
    ]


def drawings(figures):
    """{file name: SVG}"""
    colours = colours_of(figures.engines)
    files = {}
    for suite in dict.fromkeys(suite for suite, _ in figures.workloads):
        files[f"{suite}.svg"] = draw_bars(figures, suite, colours)
        if growing(figures, suite):
            files[f"{suite}-growth.svg"] = draw_growth(figures, suite, colours)
        if courses(figures, suite):
            files[f"{suite}-course.svg"] = draw_course(figures, suite, colours)
    return files


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    parser.add_argument("results", nargs="+")
    options = parser.parse_args(arguments)
    merged = bench_table.merge_runs(
        result for path in options.results for result in bench_table.read(path)
    )
    os.makedirs(options.out, exist_ok=True)
    for name, svg in drawings(bench_table.Figures(merged)).items():
        path = os.path.join(options.out, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(svg)
        print(f"drew {path}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (bench_table.BadInput, OSError, ValueError) as error:
        sys.exit(f"bench_plot: {error}")
