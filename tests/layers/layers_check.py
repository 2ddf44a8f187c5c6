#!/usr/bin/env python3
"""Proves that a dependency against the arrows of the design does not build.

  layers_check.py BAZEL [STARTUP OPTION ...]

For every pair of layers, Bazel itself is asked: a copy of each package's BUILD file gets one probe
for each library of every other layer, and `bazel build --nobuild` analyses them all. A probe
against the arrows must be refused for its visibility. So that a broken probe cannot pass for a
refusal, of each pair along the arrows at least one must be accepted. The copies lie in a directory
of their own, which --package_path puts before the workspace.

Prints TAP lines. Run it in the root of the workspace.
"""

import os
import re
import subprocess
import sys
import tempfile

# Each layer, and the layers that it may see. DESIGN: tools, bench, tests -> engine -> index -> lsm
# -> cache -> runtime.
_BELOW_ENGINE = ["index", "lsm", "cache", "runtime"]
_ENGINE = ["engine", "engine/jobs", "engine/live", "engine/query", "engine/document"]
MAY_SEE = {
    "runtime": [],
    "cache": ["runtime"],
    "lsm": ["cache", "runtime"],
    "index": ["lsm", "cache", "runtime"],
    "engine/document": _BELOW_ENGINE,
    "engine/query": ["engine/document"] + _BELOW_ENGINE,
    "engine/live": ["engine/query", "engine/document"] + _BELOW_ENGINE,
    "engine/jobs": ["engine/live", "engine/query", "engine/document"] + _BELOW_ENGINE,
    "engine": _ENGINE[1:] + _BELOW_ENGINE,
    "tools": _ENGINE + _BELOW_ENGINE,
    "bench": _ENGINE + _BELOW_ENGINE,
    "tests": _ENGINE + _BELOW_ENGINE,
    # What users see, and nothing else: //:aurora.
    "examples": [],
    "docs": [],
    "third_party": [],
}
# Pairs that the design leaves open; neither demanded nor forbidden.
UNDECIDED = {
    ("tools", "bench"),
    ("tools", "tests"),
    ("bench", "tools"),
    ("bench", "tests"),
    ("tests", "tools"),
    ("tests", "bench"),
}

_REFUSAL = re.compile(r"target '(?P<library>[^']+)' is not visible from target '(?P<probe>[^']+)'")
_BROKEN = re.compile(r"errors encountered while analyzing target '(?P<probe>[^']+)'")
_UNDECLARED = "tests/layers/undeclared_include"


class Report:
    def __init__(self):
        self.failed = False

    def test(self, name, problems):
        if problems:
            self.failed = True
            print(f"not ok - {name}")
            for problem in problems:
                print(f"  {problem}")
        else:
            print(f"ok - {name}")
        sys.stdout.flush()


def layer_of(package):
    """The layer that a package belongs to: the longest one whose path is a prefix of its own."""
    owners = [layer for layer in MAY_SEE if package == layer or package.startswith(layer + "/")]
    return max(owners, key=len) if owners else None


def libraries_by_layer(bazel):
    """Every library of every layer, but not the plants of this test."""
    query = " + ".join(f'kind("(cc_library|alias) rule", //{layer}/...)' for layer in MAY_SEE)
    result = subprocess.run(
        bazel + ["query", "--noshow_progress", "--keep_going", query],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    libraries = {layer: [] for layer in MAY_SEE}
    for label in sorted(result.stdout.split()):
        package = label[2:].split(":")[0]
        if package != _UNDECLARED:
            libraries[layer_of(package)].append(label)
    return libraries


def plant(overlay, layer, targets):
    """Writes the layer's package, with a probe for each target, into the overlay."""
    target_directory = os.path.join(overlay, layer)
    os.makedirs(target_directory, exist_ok=True)
    for entry in os.listdir(layer):
        path = os.path.join(layer, entry)
        if entry != "BUILD.bazel" and path not in MAY_SEE:
            os.symlink(os.path.abspath(path), os.path.join(target_directory, entry))
    with open(os.path.join(layer, "BUILD.bazel"), encoding="utf-8") as file:
        text = file.read()
    probes = {}
    for number, target in enumerate(targets):
        name = f"layers_probe_{number}"
        text += f'\nnative_probe(name = "{name}", testonly = True, deps = ["{target}"])\n'
        probes[f"//{layer}:{name}"] = target
    # load() must stand before everything else in the file.
    text = 'load("//layers_probe:probe.bzl", "native_probe")\n' + text
    with open(os.path.join(target_directory, "BUILD.bazel"), "w", encoding="utf-8") as file:
        file.write(text)
    return probes


def analyse(bazel, overlay, probes):
    """Returns what Bazel said, the refused probes, and those broken for another reason."""
    patterns = os.path.join(overlay, "patterns")
    with open(patterns, "w", encoding="utf-8") as file:
        file.write("\n".join(probes) + "\n")
    result = subprocess.run(
        bazel
        + [
            "build",
            "--nobuild",
            "--keep_going",
            "--noshow_progress",
            f"--package_path={overlay}:%workspace%",
        ]
        + [f"--target_pattern_file={patterns}"],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    refused = {match["probe"] for match in _REFUSAL.finditer(result.stderr)}
    broken = {match["probe"] for match in _BROKEN.finditer(result.stderr)} - refused
    return result.stderr, refused, broken


def plant_all(overlay, libraries):
    """Writes the whole overlay. Returns the probes: label of the probe to label of the library."""
    os.makedirs(os.path.join(overlay, "layers_probe"))
    with open(os.path.join(overlay, "layers_probe/BUILD.bazel"), "w", encoding="utf-8"):
        pass
    with open(os.path.join(overlay, "layers_probe/probe.bzl"), "w", encoding="utf-8") as file:
        file.write("native_probe = native.cc_library\n")
    probes = {}
    for layer in MAY_SEE:
        others = [other for other in MAY_SEE if other != layer and (layer, other) not in UNDECIDED]
        probes.update(
            plant(overlay, layer, [label for other in others for label in libraries[other]])
        )
    return probes


def check_arrows(bazel, report):
    libraries = libraries_by_layer(bazel)
    with tempfile.TemporaryDirectory() as overlay:
        probes = plant_all(overlay, libraries)
        said, refused, broken = analyse(bazel, overlay, probes)
    problems = [
        f"{library} cannot be analysed" for library in sorted({probes[probe] for probe in broken})
    ]
    if not refused:
        problems.append(f"no probe was refused. Bazel said: {said[-3000:]}")
    report.test("Bazel analyses a probe for each library and layer", problems)

    for layer, visible in MAY_SEE.items():
        problems = []
        accepted = set()
        for probe, library in probes.items():
            if probe.startswith(f"//{layer}:") and probe not in refused and probe not in broken:
                other = layer_of(library[2:].split(":")[0])
                accepted.add(other)
                if other not in visible:
                    problems.append(f"{library} is visible to //{layer}: close its visibility")
        for other in visible:
            if libraries[other] and other not in accepted:
                problems.append(
                    f"no library of //{other} is visible to //{layer}, though the arrow goes there"
                )
        report.test(f"//{layer} sees {', '.join(visible) or 'no layer'} and nothing else", problems)


def check_undeclared_include(bazel, report):
    def build(name):
        return subprocess.run(
            bazel + ["build", "--noshow_progress", f"//{_UNDECLARED}:{name}"],
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    declared = build("declared")
    report.test(
        "an include of a listed dependency builds",
        [] if declared.returncode == 0 else [declared.stderr],
    )
    undeclared = build("undeclared")
    refused = (
        undeclared.returncode != 0 and "does not depend on a module exporting" in undeclared.stderr
    )
    report.test(
        "an include of a dependency that is not listed does not build",
        [] if refused else [undeclared.stderr],
    )


def main(bazel):
    report = Report()
    check_arrows(bazel, report)
    check_undeclared_include(bazel, report)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
