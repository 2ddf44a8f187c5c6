#include "aurora/engine/query/cursor.h"

#include <cstdint>

#include "absl/strings/escaping.h"
#include "aurora/engine/document/key_encoding.h"
#include "aurora/index/row_key.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "xxhash.h"

namespace aurora {
namespace {

// version, a hash of collection and order, row key, sort key
constexpr char kVersion = 1;
constexpr std::size_t kHashBytes = 4;
constexpr std::size_t kHeaderBytes = 1 + kHashBytes + index::kRowKeyBytes;

std::string HashOf(const QuerySpec& spec) {
  QuerySpec shape;
  shape.collection = spec.collection;
  shape.order_by = spec.order_by;
  const std::string text = ToString(shape);
  const std::uint64_t hash = XXH3_64bits(text.data(), text.size());
  std::string bytes;
  for (std::size_t i = 0; i < kHashBytes; ++i) bytes.push_back(static_cast<char>(hash >> 8 * i));
  return bytes;
}

// One key for each sort key, and nothing else.
bool IsSortKey(const QuerySpec& spec, std::string_view key) {
  for (const SortKey& by : spec.order_by) {
    const KeyOrder order =
        by.direction == Direction::kDescending ? KeyOrder::kDescending : KeyOrder::kAscending;
    if (!ConsumeKey(&key, order).ok()) return false;
  }
  return key.empty();
}

}  // namespace

std::string EncodeCursor(const QuerySpec& spec, const QueryCursor& cursor) {
  const std::string bytes =
      std::string(1, kVersion) + HashOf(spec) + index::RowKey(cursor.row) + cursor.sort_key;
  return absl::WebSafeBase64Escape(ToAbsl(bytes));
}

absl::StatusOr<QueryCursor> DecodeCursor(const QuerySpec& spec, std::string_view text) {
  std::string bytes;
  const bool decoded = absl::WebSafeBase64Unescape(ToAbsl(text), &bytes);
  if (!decoded || bytes.size() < kHeaderBytes || bytes[0] != kVersion) {
    return InvalidArgumentError("after ", Quoted(text), ": this is no cursor of a query");
  }
  const std::string_view view = bytes;
  QueryCursor cursor;
  cursor.sort_key = view.substr(kHeaderBytes);
  if (view.substr(1, kHashBytes) != HashOf(spec) || !IsSortKey(spec, cursor.sort_key)) {
    return InvalidArgumentError("after ", Quoted(text), ": this is a cursor of another query than ",
                                Quoted(ToString(spec)));
  }
  AURORA_ASSIGN_OR_RETURN(cursor.row,
                          index::ParseRowKey(view.substr(1 + kHashBytes, index::kRowKeyBytes)));
  return cursor;
}

}  // namespace aurora
