"""Repository rules that present Debian's -dev packages under the labels that upstream uses."""

def _inline_impl(ctx):
    ctx.file("WORKSPACE", "")
    for path, text in ctx.attr.files.items():
        ctx.file(path, text)

inline_repository = repository_rule(
    implementation = _inline_impl,
    attrs = {"files": attr.string_dict()},
    local = True,
)

def _require(ctx, header, packages):
    if not ctx.path("/usr/include/" + header).exists:
        fail(("/usr/include/%s is missing. Run tools/setup.sh, or apt-get install %s, or define " +
              "@%s yourself before aurora_dependencies().") % (header, packages, ctx.name))

_CC_LIBRARY = """cc_library(
    name = "%s",
    linkopts = %s,
    visibility = ["//visibility:public"],
    deps = %s,
)
"""

def _library_impl(ctx):
    _require(ctx, ctx.attr.header, ctx.attr.packages)
    ctx.file("WORKSPACE", "")
    ctx.file("BUILD", "".join([
        _CC_LIBRARY % (name, repr([o for o in options.split(" ") if o]), "[]")
        for name, options in ctx.attr.targets.items()
    ]))

debian_library = repository_rule(
    implementation = _library_impl,
    attrs = {
        "header": attr.string(doc = "Shows, below /usr/include, that the package is installed."),
        "packages": attr.string(doc = "The Debian packages to name when they are not."),
        "targets": attr.string_dict(doc = "Target name to link options."),
    },
    local = True,
)

# Upstream's package to the targets in it. All of them link the same set of static libraries.
ABSEIL_TARGETS = {
    "absl/algorithm": "algorithm container",
    "absl/base": "base core_headers config dynamic_annotations endian log_severity",
    "absl/cleanup": "cleanup",
    "absl/container": "btree fixed_array flat_hash_map flat_hash_set inlined_vector " +
                      "node_hash_map node_hash_set",
    "absl/debugging": "failure_signal_handler leak_check stacktrace symbolize",
    "absl/flags": "commandlineflag config flag marshalling parse reflection usage",
    "absl/functional": "any_invocable bind_front function_ref",
    "absl/hash": "hash",
    "absl/memory": "memory",
    "absl/meta": "type_traits",
    "absl/numeric": "bits int128",
    "absl/random": "bit_gen_ref distributions random seed_gen_exception seed_sequences",
    "absl/status": "status statusor",
    "absl/strings": "cord str_format strings",
    "absl/synchronization": "synchronization",
    "absl/time": "time",
    "absl/types": "any bad_any_cast bad_optional_access bad_variant_access compare optional " +
                  "span variant",
    "absl/utility": "utility",
}

def _abseil_impl(ctx):
    _require(ctx, "absl/base/options.h", "libabsl-dev")
    archives = []
    for directory in ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"]:
        path = ctx.path(directory)
        if path.exists:
            names = [f.basename for f in path.readdir()]
            archives = sorted([n for n in names if n.startswith("libabsl_") and n.endswith(".a")])
        if archives:
            break
    linked = ["-l:" + a for a in archives]
    options = ["-Wl,--start-group"] + linked + ["-Wl,--end-group", "-lpthread"]
    ctx.file("WORKSPACE", "")
    ctx.file("BUILD", _CC_LIBRARY % ("libs", repr(options), "[]"))
    for package, names in ABSEIL_TARGETS.items():
        targets = [_CC_LIBRARY % (name, "[]", '["//:libs"]') for name in names.split(" ")]
        ctx.file(package + "/BUILD", "".join(targets))

debian_abseil = repository_rule(implementation = _abseil_impl, local = True)

# The headers of Cap'n Proto 0.9.2 do not compile as C++20 with clang 16 or later: kj::StringPtr and
# kj::String declare operator!=, which switches off the reversed operator== (P2468). We copy the
# headers and drop those member declarations; C++20 rewrites != from ==.
def _capnp_impl(ctx):
    _require(ctx, "capnp/message.h", "libcapnp-dev capnproto")
    if not ctx.path("/usr/bin/capnp").exists:
        fail("/usr/bin/capnp is missing. Run tools/setup.sh, or apt-get install capnproto.")
    ctx.file("WORKSPACE", "")
    copy = "mkdir -p include && cp -rL /usr/include/capnp /usr/include/kj include/"
    result = ctx.execute(["sh", "-c", copy])
    if result.return_code:
        fail(result.stderr)
    lines = ctx.read("include/kj/string.h").split("\n")
    dropped = ["operator!=(const StringPtr& other) const", "operator!=(const String& other) const"]
    kept = [line for line in lines if not any([d in line for d in dropped])]
    ctx.file("include/kj/string.h", "\n".join(kept), executable = False)
    ctx.file("BUILD", """
filegroup(
    name = "files",
    srcs = glob(["include/**"]),
    visibility = ["//visibility:public"],
)

cc_library(
    name = "headers",
    hdrs = [":files"],
    includes = ["include"],
    visibility = ["//visibility:public"],
)
""")

    # Each library exports the headers itself, or layering_check refuses what includes them.
    library = _CC_LIBRARY.replace("linkopts", "hdrs = [\"//:files\"],\n    linkopts")
    headers = '["//:headers"%s]'
    ctx.file("src/kj/BUILD", library % ("kj", '["-l:libkj.a", "-lpthread"]', headers % ""))
    capnp = library % ("capnp", '["-l:libcapnp.a"]', headers % ', "//src/kj:kj"')
    capnpc = library % ("capnpc", '["-l:libcapnpc.a"]', headers % ', ":capnp"')
    ctx.file("src/capnp/BUILD", capnp + capnpc)
    ctx.file("src/capnp/cc_capnp_library.bzl", _CC_CAPNP)

debian_capnp = repository_rule(implementation = _capnp_impl, local = True)

_CC_CAPNP = '''
def cc_capnp_library(name, srcs, deps = [], data = [], copts = [], visibility = None, **kwargs):
    """One .capnp.h and .capnp.c++ for each .capnp; deps are other cc_capnp_library targets."""
    hdrs = [s + ".h" for s in srcs]
    ccs = [s + ".c++" for s in srcs]

    # import "/pkg/x.capnp" is looked up from the root of this repository and of those of deps.
    roots = ["." if native.repository_name() == "@" else "external/" + native.repository_name()[1:]]
    for d in deps:
        if d.startswith("@") and not d.startswith("@//"):
            roots.append("external/" + d[1:].split("//")[0])
    inc = " ".join(["-I" + r for r in roots]) + " -I/usr/include"
    schemas = srcs + data + [d + "_schema" for d in deps]
    compile = " ".join([
        "f=$(location %s);",
        "/usr/bin/capnp compile " + inc + " --src-prefix=$$(dirname $$f)",
        "-o/usr/bin/capnpc-c++:$(RULEDIR) $$f",
    ])
    native.filegroup(name = name + "_schema", srcs = schemas, visibility = visibility)
    native.genrule(
        name = name + "_gen",
        srcs = schemas,
        outs = hdrs + ccs,
        cmd = " && ".join([compile % s for s in srcs]),
    )
    native.cc_library(
        name = name,
        srcs = ccs,
        hdrs = hdrs,
        copts = ["-std=c++20"] + copts,
        strip_include_prefix = "/",
        deps = deps + ["@capnp-cpp//src/capnp:capnp"],
        visibility = visibility,
        **kwargs
    )
'''
