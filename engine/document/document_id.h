// What names a document within its collection: an id that Aurora gave (a UUIDv7, so ids sort by the
// time of their insertion), or the user's own: a string, an int64 or a UUID.
//
// A given id carries the row id of its document, so that finding the document needs no index. 128
// bits, high to low, as RFC 9562 has it for version 7:
//
//   48  milliseconds since 1970
//    4  version, 7
//   12  row id, its high bits
//    2  variant, binary 10
//   36  row id, its low bits
//   26  random
//
// Order and equality are those of values: int64 < string < uuid.
#pragma once

#include <compare>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "aurora/engine/document/limits.h"
#include "aurora/engine/document/uuid.h"
#include "aurora/engine/document/value_view.h"

namespace aurora {

inline constexpr int kRowIdBits = 48;
inline constexpr std::uint64_t kRowIdMax = (std::uint64_t{1} << kRowIdBits) - 1;

class DocumentId {
 public:
  // The nil UUID.
  DocumentId() = default;
  DocumentId(const Uuid& uuid) : rep_(uuid) {}
  template <internal::ExactInteger T>
  DocumentId(T number) : rep_(static_cast<std::int64_t>(number)) {}
  DocumentId(std::string text) : rep_(std::move(text)) {}
  DocumentId(std::string_view text) : rep_(std::string(text)) {}
  DocumentId(const char* text) : rep_(std::string(text)) {}

  // A string, int64 or uuid (InvalidArgument: another type, an empty string, invalid UTF-8) that
  // fits into a key (ResourceExhausted).
  static absl::StatusOr<DocumentId> FromValue(const ValueView& value,
                                              const DocumentLimits& limits = DocumentLimits());
  ValueView ToValue() const [[clang::lifetimebound]];

  // The order-preserving key of the id (key_encoding.h), and back (DataLoss).
  std::string EncodedKey() const;
  static absl::StatusOr<DocumentId> FromEncodedKey(std::string_view key);

  // For people and command lines; Parse(ToString()) is the same id. 42 is the number, "42" (quoted)
  // the string, A-1 the string "A-1", and a UUID is written as usual. Within quotes, \" \\ and \xHH
  // stand for a quote, a backslash and any byte. Parse refuses what FromValue does, and quotes
  // without end.
  std::string ToString() const;
  static absl::StatusOr<DocumentId> Parse(std::string_view text,
                                          const DocumentLimits& limits = DocumentLimits());

  // The row id inside, if this is a UUIDv7. A user's own UUIDv7 has such bits too: who looks the
  // row up must compare the id that he finds there.
  std::optional<std::uint64_t> EmbeddedRowId() const;

  friend bool operator==(const DocumentId& a, const DocumentId& b) { return a.rep_ == b.rep_; }
  friend std::strong_ordering operator<=>(const DocumentId& a, const DocumentId& b) {
    return Compare(a.ToValue(), b.ToValue());
  }
  template <class H>
  friend H AbslHashValue(H h, const DocumentId& id) {
    if (const auto* number = std::get_if<std::int64_t>(&id.rep_)) {
      return H::combine(std::move(h), *number, 0);
    }
    if (const auto* text = std::get_if<std::string>(&id.rep_)) {
      return H::combine(std::move(h), *text, 1);
    }
    return H::combine(std::move(h), std::get<Uuid>(id.rep_).bytes, 2);
  }

 private:
  std::variant<Uuid, std::int64_t, std::string> rep_;
};

// Gives ids. Each is greater than the one before, also when the wall clock stands still or goes
// back: within a millisecond by row id if those ascend, else by counting milliseconds ahead of the
// clock.
//
// Safe from every thread.
class DocumentIdGenerator {
 public:
  // row_id <= kRowIdMax. `now` is the wall clock; what 48 bits of milliseconds cannot hold is
  // brought within. Of `random_bits` the low 26 are used.
  DocumentId Generate(absl::Time now, std::uint64_t random_bits, std::uint64_t row_id);

 private:
  std::mutex mutex_;
  std::uint64_t last_millis_ = 0;
  std::uint64_t last_row_id_ = 0;
  bool has_last_ = false;
};

}  // namespace aurora
