#include "aurora/lsm/key_history.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

// Appends; so the order of operands shows.
class AppendOperator final : public MergeOperator {
 public:
  absl::Status Fold(std::string_view, std::optional<std::string_view> base,
                    std::span<const std::string_view> operands, std::string* value) const override {
    *value = base.value_or("");
    for (const std::string_view operand : operands) value->append(operand);
    return absl::OkStatus();
  }
  absl::Status Combine(std::string_view key, std::span<const std::string_view> operands,
                       std::string* operand) const override {
    return Fold(key, std::nullopt, operands, operand);
  }
  bool IsEmpty(std::string_view value) const override { return value.empty(); }
};

class FailingOperator final : public MergeOperator {
 public:
  absl::Status Fold(std::string_view, std::optional<std::string_view>,
                    std::span<const std::string_view>, std::string*) const override {
    return absl::DataLossError("not mine");
  }
  absl::Status Combine(std::string_view, std::span<const std::string_view>,
                       std::string*) const override {
    return absl::DataLossError("not mine");
  }
  bool IsEmpty(std::string_view) const override { return false; }
};

Version Put(Sequence s) { return Version(s, EntryKind::kPut); }
Version Delete(Sequence s) { return Version(s, EntryKind::kDelete); }
Version Merge(Sequence s) { return Version(s, EntryKind::kMerge); }

class KeyHistoryTest : public testing::Test {
 protected:
  std::string Resolved() {
    const auto pinned = history_.Resolve("k", &append_);
    std::string scratch;
    const auto view = history_.Resolve("k", &append_, &scratch);
    EXPECT_EQ(pinned.ok(), view.ok());
    if (!pinned.ok()) return std::string(pinned.status().message());
    EXPECT_EQ(pinned->has_value(), view->has_value());
    if (!pinned->has_value()) return "(none)";
    EXPECT_EQ((*pinned)->view(), **view);
    return std::string((*pinned)->view());
  }
  std::string Collapsed(bool is_oldest) {
    std::string scratch;
    const auto entry = history_.Collapse("k", &append_, is_oldest, &scratch);
    if (!entry.ok()) return std::string(entry.status().message());
    if (!entry->has_value()) return "(none)";
    const char* kinds[] = {"delete", "put", "merge"};
    return std::string(kinds[static_cast<int>((*entry)->version.kind())]) + "@" +
           std::to_string((*entry)->version.sequence()) + "=" + std::string((*entry)->value);
  }
  bool Add(Version version, std::string_view value = "") {
    return history_.Add(version, value, owner_);
  }

  AppendOperator append_;
  std::shared_ptr<const void> owner_ = std::make_shared<int>(1);
  KeyHistory history_;
};

TEST_F(KeyHistoryTest, AKeyWithoutEntriesHasNoValue) {
  EXPECT_TRUE(history_.empty());
  EXPECT_FALSE(history_.done());
  EXPECT_EQ(Resolved(), "(none)");
}

TEST_F(KeyHistoryTest, ThePutEndsTheHistoryAndIsPinned) {
  EXPECT_TRUE(Add(Put(7), "seven"));
  EXPECT_EQ(Resolved(), "seven");
  EXPECT_EQ(history_.newest(), Put(7));
  EXPECT_EQ(owner_.use_count(), 2);
  EXPECT_EQ(Collapsed(false), "put@7=seven");
  EXPECT_EQ(Collapsed(true), "put@7=seven");
  history_.Reset();
  EXPECT_EQ(owner_.use_count(), 1);
  EXPECT_TRUE(history_.empty());
}

TEST_F(KeyHistoryTest, ADeleteHidesAndIsDroppedOnlyWhereNothingIsBelow) {
  EXPECT_TRUE(Add(Delete(7)));
  EXPECT_EQ(Resolved(), "(none)");
  EXPECT_EQ(Collapsed(false), "delete@7=");
  EXPECT_EQ(Collapsed(true), "(none)");
}

TEST_F(KeyHistoryTest, OperandsAreFoldedOldestFirstOverTheBase) {
  EXPECT_FALSE(Add(Merge(9), "c"));
  EXPECT_FALSE(Add(Merge(8), "b"));
  EXPECT_TRUE(Add(Put(7), "a"));
  EXPECT_EQ(Resolved(), "abc");
  EXPECT_EQ(Collapsed(false), "put@9=abc");
  EXPECT_EQ(Collapsed(true), "put@9=abc");
}

TEST_F(KeyHistoryTest, OperandsOverADeleteStartFromNothing) {
  EXPECT_FALSE(Add(Merge(9), "c"));
  EXPECT_TRUE(Add(Delete(7)));
  EXPECT_EQ(Resolved(), "c");
  EXPECT_EQ(Collapsed(false), "put@9=c") << "must go on hiding what the delete hid";
}

TEST_F(KeyHistoryTest, OperandsWithoutABaseStayAnOperandUnlessNothingIsBelow) {
  EXPECT_FALSE(Add(Merge(9), "c"));
  EXPECT_EQ(Collapsed(false), "merge@9=c");
  EXPECT_FALSE(Add(Merge(5), "b"));
  EXPECT_EQ(Collapsed(false), "merge@9=bc");
  EXPECT_EQ(Collapsed(true), "put@9=bc");
  EXPECT_EQ(Resolved(), "bc");
}

TEST_F(KeyHistoryTest, AFoldedValueThatSaysNothingIsDroppedOnlyWhereNothingIsBelow) {
  EXPECT_FALSE(Add(Merge(9), ""));
  EXPECT_TRUE(Add(Put(4), ""));
  EXPECT_EQ(Collapsed(false), "put@9=");
  EXPECT_EQ(Collapsed(true), "(none)");
}

TEST_F(KeyHistoryTest, OperandsOfAnIteratorOutliveItsMoves) {
  std::string buffer = "b";
  EXPECT_FALSE(history_.AddFromIterator(Merge(9), buffer));
  buffer = "a";
  EXPECT_TRUE(history_.AddFromIterator(Put(3), buffer));
  EXPECT_EQ(Resolved(), "ab");
}

TEST_F(KeyHistoryTest, AMissingOperatorIsAnErrorThatSaysWhatToDo) {
  EXPECT_FALSE(Add(Merge(9), "c"));
  const auto resolved = history_.Resolve("k", nullptr);
  EXPECT_EQ(resolved.status().code(), absl::StatusCode::kFailedPrecondition);
  std::string scratch;
  EXPECT_EQ(history_.Collapse("k", nullptr, false, &scratch).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(KeyHistoryTest, TheErrorOfAnOperatorIsTheResult) {
  const FailingOperator failing;
  EXPECT_FALSE(Add(Merge(9), "c"));
  EXPECT_FALSE(Add(Merge(8), "c"));
  std::string scratch;
  EXPECT_EQ(history_.Resolve("k", &failing).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(history_.Collapse("k", &failing, false, &scratch).status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(history_.Collapse("k", &failing, true, &scratch).status().code(),
            absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace aurora::lsm
