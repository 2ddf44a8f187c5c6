"""The dependencies of Aurora, under the labels that their upstreams use.

A consumer's WORKSPACE calls aurora_dependencies(). Each repository is defined only where the consumer has not
defined one of the same name before, so a monorepo's own copy takes the place of ours. Ours come from Debian's
packages (tools/setup.sh installs them) and cost nothing to fetch.
"""

load("//third_party:debian.bzl", "debian_abseil", "debian_capnp", "debian_library", "inline_repository")

def _maybe(rule, name, **kwargs):
    if native.existing_rule(name) == None:
        rule(name = name, **kwargs)

def aurora_dependencies():
    """Defines what //:aurora and its tests need."""
    _maybe(debian_abseil, name = "com_google_absl")
    _maybe(debian_capnp, name = "capnp-cpp")
    _maybe(
        debian_library,
        name = "com_google_googletest",
        headers = ["gtest/gtest.h", "gmock/gmock.h"],
        packages = "libgtest-dev libgmock-dev",
        targets = {
            "gtest": "-l:libgmock.a -l:libgtest.a -lpthread",
            "gtest_main": "-l:libgmock_main.a -l:libgmock.a -l:libgtest.a -lpthread",
        },
    )
    _maybe(
        debian_library,
        name = "com_github_google_benchmark",
        headers = ["benchmark/benchmark.h"],
        packages = "libbenchmark-dev",
        targets = {
            "benchmark": "-lbenchmark -lpthread",
            "benchmark_main": "-l:libbenchmark_main.a -lbenchmark -lpthread",
        },
    )
    _maybe(debian_library, name = "croaring", headers = ["roaring/roaring.h"], packages = "libroaring-dev", targets = {"roaring": "-lroaring"})
    _maybe(debian_library, name = "liburing", headers = ["liburing.h"], packages = "liburing-dev", targets = {"liburing": "-l:liburing.a"})
    _maybe(debian_library, name = "lz4", headers = ["lz4.h"], packages = "liblz4-dev", targets = {"lz4": "-l:liblz4.a"})
    _maybe(debian_library, name = "zstd", headers = ["zstd.h"], packages = "libzstd-dev", targets = {"zstd": "-l:libzstd.a"})
    _maybe(debian_library, name = "xxhash", headers = ["xxhash.h"], packages = "libxxhash-dev", targets = {"xxhash": "-l:libxxhash.a"})
    _maybe(debian_library, name = "com_googlesource_code_re2", headers = ["re2/re2.h"], packages = "libre2-dev", targets = {"re2": "-l:libre2.a"})
    _maybe(debian_library, name = "com_github_nlohmann_json", headers = ["nlohmann/json.hpp"], packages = "nlohmann-json3-dev", targets = {"json": ""})
    _maybe(debian_library, name = "cli11", headers = ["CLI/CLI.hpp"], packages = "libcli11-dev", targets = {"cli11": ""})

def aurora_bench_dependencies():
    """Defines the peers that bench/ measures Aurora against. Nothing outside bench/ may use them."""
    _maybe(debian_library, name = "rocksdb", headers = ["rocksdb/db.h"], packages = "librocksdb-dev", targets = {"rocksdb": "-lrocksdb"})
    _maybe(debian_library, name = "leveldb", headers = ["leveldb/db.h"], packages = "libleveldb-dev", targets = {"leveldb": "-lleveldb"})
    _maybe(debian_library, name = "lmdb", headers = ["lmdb.h"], packages = "liblmdb-dev", targets = {"lmdb": "-llmdb"})

def aurora_toolchain_stand_ins():
    """Stands in for the repositories that Debian's bazel-bootstrap would otherwise try to download."""
    _maybe(inline_repository, name = "rules_cc", files = {
        "BUILD": "",
        "cc/BUILD": "",
        "cc/defs.bzl": _RULES_CC,
    })
    _maybe(inline_repository, name = "remote_coverage_tools", files = {
        "BUILD": "filegroup(name = \"coverage_report_generator\", srcs = [], visibility = [\"//visibility:public\"])\n",
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
