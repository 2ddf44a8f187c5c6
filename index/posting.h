// Postings on disk: which rows of one chunk have a term, and how a commit changes that.
//
// A change is an operand: rows added, rows removed. A folded posting is an operand that removes
// nothing, so both have one encoding and one algebra, and a reader at a sequence sees the fold of
// all operands up to it.
//
//   byte 0     kind: 0 = lists, 1 = bitmaps
//   lists      u8 added count, u8 removed count, then as many u16 places, each list strictly
//   ascending: terms with few
//              rows are held inline
//   bitmaps    u32 size of the first, then two CRoaring portable bitmaps: added, removed
//
// All integers are little-endian. What is read is validated here in full before CRoaring sees it:
// the version we build against trusts its input.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/index/bitmap.h"
#include "aurora/index/row_set.h"
#include "aurora/lsm/merge_operator.h"

namespace aurora::index {

// What a commit does to one row of a term.
struct RowChange {
  RowId row = 0;
  bool added = false;  // else removed
};

// The effect of one or several commits on one chunk of one term. The two sets are disjoint.
struct PostingDelta {
  Bitmap added;
  Bitmap removed;

  // Makes this the effect of itself and then `later`.
  void Append(const PostingDelta& later);

  std::string Encode() const;
  // DataLoss if `bytes` are not a valid encoding.
  static absl::StatusOr<PostingDelta> Decode(std::string_view bytes);
};

// Appends the encoding of a delta: of `rows`, which ascend, each once, all of one chunk.
void AppendPostingDelta(std::span<const RowChange> rows, std::string* out);

// Appends the rows, ascending, that a folded posting of `chunk` has. DataLoss as for Decode.
absl::Status AppendPostingRows(std::string_view bytes, ChunkId chunk, std::vector<RowId>* rows);

// True if `bytes` is a CRoaring portable serialization of one well-formed bitmap over 16-bit places
// and nothing else. Never reads outside of `bytes`. Format:
// https://github.com/RoaringBitmap/RoaringFormatSpec
bool IsValidPortableBitmap(std::string_view bytes);

// Folds PostingDeltas. Stateless.
class PostingMergeOperator final : public lsm::MergeOperator {
 public:
  absl::Status Fold(std::string_view key, std::optional<std::string_view> base,
                    std::span<const std::string_view> operands, std::string* value) const override;
  absl::Status Combine(std::string_view key, std::span<const std::string_view> operands,
                       std::string* operand) const override;
  bool IsEmpty(std::string_view value) const override;
};

}  // namespace aurora::index
