// Building and passing on absl::Status. One meaning for each code:
// - InvalidArgument: what the caller gave is wrong, and will be next time.
// - NotFound: something the caller named does not exist, where that is an error (else: optional).
// - AlreadyExists: a unique constraint, a second creation.
// - FailedPrecondition: closed, locked, wrong state, wrong version.
// - Aborted: a conflict; retry.
// - DataLoss: a checksum or a structure on disk is broken.
// - ResourceExhausted: a limit, a full disk, a spent budget.
// - Unavailable: the device failed; the outcome may be unknown.
// - OutOfRange: below what is retained.
// - Cancelled, DeadlineExceeded: as asked for.
// - Internal: a bug of ours.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/compiler.h"
#include "aurora/runtime/strings.h"

namespace aurora {

namespace internal {
inline absl::Status MakeStatus(absl::StatusCode code, std::string_view message) {
  return absl::Status(code, ToAbsl(message));
}
}  // namespace internal

// InvalidArgumentError("field ", name, " ..."): the message is the concatenation of the arguments.
#define AURORA_INTERNAL_DEFINE_ERROR(Code)                                   \
  template <class... Args>                                                   \
  absl::Status Code##Error(const Args&... args) {                            \
    return internal::MakeStatus(absl::StatusCode::k##Code, StrCat(args...)); \
  }
AURORA_INTERNAL_DEFINE_ERROR(Aborted)
AURORA_INTERNAL_DEFINE_ERROR(AlreadyExists)
AURORA_INTERNAL_DEFINE_ERROR(Cancelled)
AURORA_INTERNAL_DEFINE_ERROR(DataLoss)
AURORA_INTERNAL_DEFINE_ERROR(DeadlineExceeded)
AURORA_INTERNAL_DEFINE_ERROR(FailedPrecondition)
AURORA_INTERNAL_DEFINE_ERROR(Internal)
AURORA_INTERNAL_DEFINE_ERROR(InvalidArgument)
AURORA_INTERNAL_DEFINE_ERROR(NotFound)
AURORA_INTERNAL_DEFINE_ERROR(OutOfRange)
AURORA_INTERNAL_DEFINE_ERROR(ResourceExhausted)
AURORA_INTERNAL_DEFINE_ERROR(Unavailable)
AURORA_INTERNAL_DEFINE_ERROR(Unimplemented)
#undef AURORA_INTERNAL_DEFINE_ERROR

// The Status of a failed system call: `what` ("write") of `path` with `error` (an errno).
//   ResourceExhausted   ENOSPC EDQUOT EFBIG EMFILE ENFILE EMLINK ENOMEM
//   NotFound            ENOENT
//   AlreadyExists       EEXIST
//   FailedPrecondition  EACCES EPERM EROFS EBUSY ENOTEMPTY ETXTBSY
//   InvalidArgument     EINVAL EISDIR ELOOP ENAMETOOLONG ENOTDIR EXDEV
//   Cancelled           ECANCELED
//   Unimplemented       EOPNOTSUPP
//   Unavailable         everything else
absl::Status SystemError(int error, std::string_view what, std::string_view path);

// True of the SystemError of EMFILE and ENFILE: the process, or the machine, has no file descriptor
// left. What failed so has had no effect.
bool IsOutOfDescriptors(const absl::Status& status);

// `status`, an error, with a payload: something for programs to read that goes along with it. Names
// of payloads begin with "aurora/".
absl::Status WithPayload(absl::Status status, std::string_view name, std::string_view payload);
// nullopt if it has none of that name.
std::optional<std::string> PayloadOf(const absl::Status& status, std::string_view name);

// `status` with `context` and ": " before its message. Payloads are kept. OK stays OK.
absl::Status Annotate(const absl::Status& status, std::string_view context);

inline const absl::Status& ToStatus(const absl::Status& status) { return status; }
template <class T>
const absl::Status& ToStatus(const absl::StatusOr<T>& result) {
  return result.status();
}

}  // namespace aurora

#define AURORA_INTERNAL_CONCAT_(a, b) a##b
#define AURORA_INTERNAL_CONCAT(a, b) AURORA_INTERNAL_CONCAT_(a, b)

// In a plain function that returns Status or StatusOr. The expression may hold commas.
#define AURORA_RETURN_IF_ERROR(...)                                               \
  do {                                                                            \
    if (auto aurora_status = (__VA_ARGS__); AURORA_UNLIKELY(!aurora_status.ok())) \
      return ::aurora::ToStatus(aurora_status);                                   \
  } while (false)

// AURORA_ASSIGN_OR_RETURN(auto value, Compute(...));
#define AURORA_ASSIGN_OR_RETURN(declaration, ...)                                               \
  AURORA_INTERNAL_ASSIGN(return, AURORA_INTERNAL_CONCAT(aurora_result_, __LINE__), declaration, \
                               __VA_ARGS__)

// The same two in a coroutine; the expression is usually a co_await.
#define AURORA_CO_RETURN_IF_ERROR(...)                                            \
  do {                                                                            \
    if (auto aurora_status = (__VA_ARGS__); AURORA_UNLIKELY(!aurora_status.ok())) \
      co_return ::aurora::ToStatus(aurora_status);                                \
  } while (false)
#define AURORA_CO_ASSIGN(declaration, ...)                                                         \
  AURORA_INTERNAL_ASSIGN(co_return, AURORA_INTERNAL_CONCAT(aurora_result_, __LINE__), declaration, \
                         __VA_ARGS__)

#define AURORA_INTERNAL_ASSIGN(leave, result, declaration, ...)        \
  auto result = (__VA_ARGS__);                                         \
  if (AURORA_UNLIKELY(!result.ok())) leave ::aurora::ToStatus(result); \
  declaration = *std::move(result)
