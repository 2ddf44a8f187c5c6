// What Aurora needs of the compiler. Every header that holds a coroutine type includes this one.
#pragma once

// g++ 12 destroys temporaries of a co_await expression twice, and turns off tail calls in debug and
// sanitizer builds: the program compiles and corrupts memory. docs/decisions.md lists the cases.
// Later releases are untested.
#if defined(__GNUC__) && !defined(__clang__)
#error "Aurora needs clang 19 or later: g++ miscompiles coroutines. Bazel: --repo_env=CC=clang-19."
#elif defined(__clang__) && __clang_major__ < 19
#error "Aurora needs clang 19 or later: older ones write to suspended coroutines (LLVM 56301)."
#endif

#define AURORA_NOINLINE __attribute__((noinline))
#define AURORA_COLD __attribute__((noinline, cold))
#define AURORA_LIKELY(x) (__builtin_expect(static_cast<bool>(x), 1))
#define AURORA_UNLIKELY(x) (__builtin_expect(static_cast<bool>(x), 0))
