"""The consumer's own @com_google_absl: what depends on it is compiled with CONSUMERS_ABSEIL."""

load("@aurora//third_party:debian.bzl", "ABSEIL_TARGETS", "debian_abseil")

_TARGET = """cc_library(
    name = "%s",
    defines = ["CONSUMERS_ABSEIL"],
    visibility = ["//visibility:public"],
    deps = ["@abseil_of_the_consumer//%s:%s"],
)
"""

def _own_abseil_impl(ctx):
    ctx.file("WORKSPACE", "")
    for package, names in ABSEIL_TARGETS.items():
        targets = [_TARGET % (name, package, name) for name in names.split(" ")]
        ctx.file(package + "/BUILD", "".join(targets))

_own_abseil = repository_rule(implementation = _own_abseil_impl, local = True)

def own_abseil():
    debian_abseil(name = "abseil_of_the_consumer")
    _own_abseil(name = "com_google_absl")
