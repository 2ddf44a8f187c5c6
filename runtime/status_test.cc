#include "aurora/runtime/status.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <memory>
#include <string>

namespace aurora {
namespace {

TEST(StatusTest, MessagesAreTheConcatenationOfTheArguments) {
  const std::string_view field = "price";
  const absl::Status status = InvalidArgumentError("field ", Quoted(field), ": ", 7, " > ", 5);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ToStd(status.message()), "field \"price\": 7 > 5");
  EXPECT_EQ(DataLossError("x").code(), absl::StatusCode::kDataLoss);
}

TEST(SystemErrorTest, NamesTheCallThePathAndTheError) {
  const absl::Status status = SystemError(ENOSPC, "write", "/d/f");
  EXPECT_EQ(ToStd(status.message()), "write of /d/f: No space left on device (errno 28)");
}

TEST(SystemErrorTest, GivesEachErrorOneMeaning) {
  const std::map<int, absl::StatusCode> expected = {
      {ENOSPC, absl::StatusCode::kResourceExhausted},
      {EDQUOT, absl::StatusCode::kResourceExhausted},
      {EMFILE, absl::StatusCode::kResourceExhausted},
      {ENOMEM, absl::StatusCode::kResourceExhausted},
      {ENOENT, absl::StatusCode::kNotFound},
      {EEXIST, absl::StatusCode::kAlreadyExists},
      {EACCES, absl::StatusCode::kFailedPrecondition},
      {EROFS, absl::StatusCode::kFailedPrecondition},
      {ECANCELED, absl::StatusCode::kCancelled},
      {EINVAL, absl::StatusCode::kInvalidArgument},
      {EIO, absl::StatusCode::kUnavailable},
  };
  for (const auto& [error, code] : expected) {
    EXPECT_EQ(SystemError(error, "read", "f").code(), code) << error;
  }
}

TEST(SystemErrorTest, TellsAMissingDescriptorFromAFullDevice) {
  for (const int error : {EMFILE, ENFILE}) {
    const absl::Status status = SystemError(error, "open", "/d/f");
    EXPECT_TRUE(IsOutOfDescriptors(status)) << status;
    EXPECT_TRUE(IsOutOfDescriptors(Annotate(status, "a table"))) << status;
  }
  EXPECT_FALSE(IsOutOfDescriptors(SystemError(ENOSPC, "open", "/d/f")));
  EXPECT_FALSE(IsOutOfDescriptors(absl::OkStatus()));
}

TEST(AnnotateTest, PutsContextFirstAndKeepsThePayload) {
  absl::Status status = NotFoundError("no such table");
  status.SetPayload("type", absl::Cord("value"));
  const absl::Status annotated = Annotate(status, "open 000012.table");
  EXPECT_EQ(ToStd(annotated.message()), "open 000012.table: no such table");
  EXPECT_EQ(annotated.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(annotated.GetPayload("type"), absl::Cord("value"));
  EXPECT_TRUE(Annotate(absl::OkStatus(), "anything").ok());
}

absl::StatusOr<std::unique_ptr<int>> Parse(int value) {
  if (value < 0) return InvalidArgumentError("negative");
  return std::make_unique<int>(value);
}

absl::StatusOr<int> Twice(int value) {
  AURORA_ASSIGN_OR_RETURN(const std::unique_ptr<int> parsed, Parse(value));
  AURORA_ASSIGN_OR_RETURN(const auto again, Parse(*parsed));
  AURORA_RETURN_IF_ERROR(Parse(*again).status());
  AURORA_RETURN_IF_ERROR(Parse(*again));
  return *parsed + *again;
}

TEST(StatusMacrosTest, PassOnTheValueOrTheError) {
  EXPECT_EQ(*Twice(4), 8);
  EXPECT_EQ(Twice(-1).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace aurora
