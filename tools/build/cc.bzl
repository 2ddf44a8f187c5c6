"""cc_* rules with what every target of ours needs, so that a consumer's flags are left alone.

Every header of ours is included as "aurora/<folder>/<file>.h", by us and by users alike.
"""

_COPTS = ["-std=c++20"]

def cc_library(name, copts = [], strip_include_prefix = "/", **kwargs):
    # linkstatic: without it each library is also linked as a shared one that nothing uses, and
    # `opt` compiles it twice.
    native.cc_library(
        name = name,
        copts = _COPTS + copts,
        linkstatic = True,
        include_prefix = "aurora",
        strip_include_prefix = strip_include_prefix,
        **kwargs
    )

def cc_binary(name, copts = [], **kwargs):
    native.cc_binary(name = name, copts = _COPTS + copts, **kwargs)

def cc_test(name, copts = [], deps = [], size = "small", **kwargs):
    native.cc_test(
        name = name,
        copts = _COPTS + copts,
        size = size,
        deps = deps + ["@com_google_googletest//:gtest_main"],
        **kwargs
    )

def cc_fuzz_test(name, srcs, deps = [], corpus = [], seconds = 10, **kwargs):
    """A libFuzzer target under --config=fuzz; elsewhere it runs once over its corpus.

    `corpus` names files, one label each.
    """
    seeds = ["$(location %s)" % c for c in corpus]
    native.cc_test(
        name = name,
        srcs = srcs + select({
            "//tools/build:fuzzing": [],
            "//conditions:default": ["//tools/build:fuzz_corpus_main.cc"],
        }),
        copts = _COPTS,
        linkopts = select({
            "//tools/build:fuzzing": ["-fsanitize=fuzzer"],
            "//conditions:default": [],
        }),
        # Seeds named as plain arguments would be run once each, and nothing else.
        args = select({
            "//tools/build:fuzzing": ["-max_total_time=%d" % seconds, "-max_len=65536"] +
                                     (["-seed_inputs=" + ",".join(seeds)] if seeds else []),
            "//conditions:default": seeds,
        }),
        data = corpus,
        deps = deps,
        size = "small",
        **kwargs
    )
