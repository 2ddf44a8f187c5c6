#include "aurora/runtime/status.h"

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/strings/cord.h"
#include "aurora/runtime/check.h"

namespace aurora {
namespace {

constexpr std::string_view kOutOfDescriptors = "aurora/out-of-descriptors";

absl::StatusCode CodeOf(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case EMLINK:
    case ENFILE:
    case ENOMEM:
      return absl::StatusCode::kResourceExhausted;
    case ENOENT:
      return absl::StatusCode::kNotFound;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS:
    case EBUSY:
    case ENOTEMPTY:
    case ETXTBSY:
      return absl::StatusCode::kFailedPrecondition;
    case ECANCELED:
      return absl::StatusCode::kCancelled;
    case EINVAL:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case ENOTDIR:
    case EXDEV:
      return absl::StatusCode::kInvalidArgument;
    case EOPNOTSUPP:
      return absl::StatusCode::kUnimplemented;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

}  // namespace

absl::Status SystemError(int error, std::string_view what, std::string_view path) {
  char buffer[128];
  // The GNU strerror_r, which returns the text and may leave the buffer alone.
  const char* text = strerror_r(error, buffer, sizeof buffer);
  absl::Status status = internal::MakeStatus(
      CodeOf(error), StrCat(what, " of ", path, ": ", text, " (errno ", error, ")"));
  if (error != EMFILE && error != ENFILE) return status;
  return WithPayload(std::move(status), kOutOfDescriptors, "");
}

bool IsOutOfDescriptors(const absl::Status& status) {
  return PayloadOf(status, kOutOfDescriptors).has_value();
}

absl::Status WithPayload(absl::Status status, std::string_view name, std::string_view payload) {
  AURORA_CHECK(!status.ok());
  status.SetPayload(ToAbsl(name), absl::Cord(ToAbsl(payload)));
  return status;
}

std::optional<std::string> PayloadOf(const absl::Status& status, std::string_view name) {
  const auto payload = status.GetPayload(ToAbsl(name));
  if (!payload.has_value()) return std::nullopt;
  return std::string(*payload);
}

absl::Status Annotate(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated =
      internal::MakeStatus(status.code(), StrCat(context, ": ", ToStd(status.message())));
  status.ForEachPayload([&](absl::string_view type, const absl::Cord& payload) {
    annotated.SetPayload(type, payload);
  });
  return annotated;
}

}  // namespace aurora
