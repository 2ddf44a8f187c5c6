"""The dependencies of Aurora, under the labels that their upstreams use.

A consumer's WORKSPACE calls aurora_dependencies(). Each repository is defined only where the
consumer has not defined one of the same name before, so a monorepo's own copy takes the place of
ours. Ours come from Debian's packages (tools/setup.sh installs them) and cost nothing to fetch.
"""

load(
    "//third_party:debian.bzl",
    "debian_abseil",
    "debian_capnp",
    "debian_library",
    "inline_repository",
)

# Repository name: a header that shows that the package is there, the package, and its targets with
# the options that link them.
_LIBRARIES = {
    "com_google_googletest": ("gmock/gmock.h", "libgtest-dev libgmock-dev", {
        "gtest": "-l:libgmock.a -l:libgtest.a -lpthread",
        "gtest_main": "-l:libgmock_main.a -l:libgmock.a -l:libgtest.a -lpthread",
    }),
    "com_github_google_benchmark": ("benchmark/benchmark.h", "libbenchmark-dev", {
        "benchmark": "-lbenchmark -lpthread",
        "benchmark_main": "-l:libbenchmark_main.a -lbenchmark -lpthread",
    }),
    "croaring": ("roaring/roaring.h", "libroaring-dev", {"roaring": "-lroaring"}),
    "liburing": ("liburing.h", "liburing-dev", {"liburing": "-l:liburing.a"}),
    "lz4": ("lz4.h", "liblz4-dev", {"lz4": "-l:liblz4.a"}),
    "zlib": ("zlib.h", "zlib1g-dev", {"zlib": "-l:libz.a"}),
    "zstd": ("zstd.h", "libzstd-dev", {"zstd": "-l:libzstd.a"}),
    "xxhash": ("xxhash.h", "libxxhash-dev", {"xxhash": "-l:libxxhash.a"}),
    "com_googlesource_code_re2": ("re2/re2.h", "libre2-dev", {"re2": "-l:libre2.a"}),
    "com_github_nlohmann_json": ("nlohmann/json.hpp", "nlohmann-json3-dev", {"json": ""}),
    "cli11": ("CLI/CLI.hpp", "libcli11-dev", {"cli11": ""}),
}

# What bench/ measures Aurora against.
_PEERS = {
    "rocksdb": ("rocksdb/db.h", "librocksdb-dev", {"rocksdb": "-lrocksdb"}),
    "leveldb": ("leveldb/db.h", "libleveldb-dev", {"leveldb": "-lleveldb"}),
    "lmdb": ("lmdb.h", "liblmdb-dev", {"lmdb": "-llmdb"}),
    "sqlite3": ("sqlite3.h", "libsqlite3-dev", {"sqlite3": "-lsqlite3"}),
}

def _maybe(rule, name, **kwargs):
    if native.existing_rule(name) == None:
        rule(name = name, **kwargs)

def _define(libraries):
    for name, (header, packages, targets) in libraries.items():
        _maybe(debian_library, name, header = header, packages = packages, targets = targets)

def aurora_dependencies():
    """Defines what //:aurora and its tests need."""
    _maybe(debian_abseil, name = "com_google_absl")
    _maybe(debian_capnp, name = "capnp-cpp")
    _define(_LIBRARIES)

def aurora_bench_dependencies():
    """Defines the peers that bench/ measures against. Nothing outside bench/ may use them."""
    _define(_PEERS)

def aurora_toolchain_stand_ins():
    """Stands in for what Debian's bazel-bootstrap would otherwise try to download."""
    _maybe(inline_repository, name = "rules_cc", files = {
        "BUILD": "",
        "cc/BUILD": "",
        "cc/defs.bzl": _RULES_CC,
    })
    _maybe(inline_repository, name = "remote_coverage_tools", files = {
        "BUILD": """filegroup(
            name = "coverage_report_generator",
            visibility = ["//visibility:public"],
        )\n""",
    })
    _maybe(native.local_repository, name = "rules_java", path = "/usr/share/bazel/rules/java")
    _maybe(native.local_repository, name = "rules_proto", path = "/usr/share/bazel/rules/proto")
    _maybe(native.local_repository, name = "bazel_skylib", path = "/usr/share/bazel/tools/skylib")
    _maybe(native.local_repository, name = "platforms", path = "/usr/share/bazel/tools/platforms")

_RULES_CC = """
cc_library = native.cc_library
cc_binary = native.cc_binary
cc_test = native.cc_test
cc_import = native.cc_import
cc_proto_library = native.cc_proto_library
cc_toolchain = native.cc_toolchain
cc_toolchain_suite = native.cc_toolchain_suite
fdo_prefetch_hints = native.fdo_prefetch_hints
fdo_profile = native.fdo_profile
objc_library = native.objc_library
objc_import = native.objc_import
def cc_flags_supplier(**kw):
    pass
def compiler_flag(**kw):
    pass
"""
