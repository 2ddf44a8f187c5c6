"""A test over code with planted bugs (runtime/fault_points.h) that can be switched on."""

load(":cc.bzl", "cc_test")

_COPT = "//command_line_option:copt"

def _with_planted_bugs_impl(settings, _attr):
    return {_COPT: settings[_COPT] + ["-DAURORA_PLANTED_BUGS=1"]}

_with_planted_bugs = transition(
    implementation = _with_planted_bugs_impl,
    inputs = [_COPT],
    outputs = [_COPT],
)

def _planted_bugs_test_impl(ctx):
    test = ctx.attr.test[0]
    executable = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(
        output = executable,
        target_file = test[DefaultInfo].files_to_run.executable,
        is_executable = True,
    )
    return [DefaultInfo(
        executable = executable,
        runfiles = ctx.runfiles([executable]).merge(test[DefaultInfo].default_runfiles),
    )]

_planted_bugs_test = rule(
    implementation = _planted_bugs_test_impl,
    test = True,
    attrs = {
        "test": attr.label(executable = True, mandatory = True, cfg = _with_planted_bugs),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
)

def cc_planted_bugs_test(name, size = "small", **kwargs):
    """A cc_test for which all that it depends on is built anew, with its planted bugs."""

    # "manual": in the plain configuration there are no bugs for it to find.
    plain = name + "_program"
    cc_test(name = plain, size = size, tags = ["manual"], **kwargs)
    _planted_bugs_test(name = name, size = size, test = ":" + plain)
