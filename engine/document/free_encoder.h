// Writes free-form values (value.capnp) into a message, and keeps the limits of the document that
// they are part of. One for each document.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "aurora/engine/document/field_check.h"
#include "aurora/engine/document/limits.h"
#include "aurora/engine/document/message_builder.h"
#include "aurora/engine/document/schema.h"
#include "aurora/engine/document/value_view.h"

namespace aurora::internal {

// Whether a name comes twice; then one that does.
bool HoldsDuplicate(std::vector<std::string_view> names, std::string_view* duplicate);
absl::Status NamedTwice(const Path& path, std::string_view name);

class FreeEncoder {
 public:
  explicit FreeEncoder(const DocumentLimits& limits)
      : limits_(limits), message_(limits.document_bytes_max) {}

  MessageBuilder* message() { return &message_; }

  // The limits. What is checked is at `path`.
  absl::Status TooLarge() const;
  absl::Status CheckDepth(std::uint32_t depth, const Path& path) const;
  absl::Status CheckItems(std::size_t count, const Path& path) const;
  absl::Status CheckName(std::string_view name, const Path& path) const;
  // Adds `count` members to those of the document.
  absl::Status CountFields(std::size_t count, const Path& path);
  // MessageBuilder::AddStructs within the limits.
  absl::Status AddStructs(std::size_t at, const StructSize& size, std::uint32_t count,
                          const Path& path, std::size_t* first);

  // Each writes at the end of the message and sets the pointer at `at`. `depth` is that of the
  // object or array itself, for Any of what holds the value.
  absl::Status Any(std::size_t at, const ValueView& value, bool allow_nan, const Path& path,
                   std::uint32_t depth);
  absl::Status Object(std::size_t at, const ObjectView& object, bool allow_nan, const Path& path,
                      std::uint32_t depth);
  // Items of `type` only, if it is given.
  absl::Status Array(std::size_t at, DeclaredType type, const ArrayView& array, bool allow_nan,
                     const Path& path, std::uint32_t depth);
  // Members, or items if their names have no data. `depth` is that of what holds them.
  absl::Status Values(std::size_t at, const std::vector<MemberView>& values, bool allow_nan,
                      const Path& path, std::uint32_t depth);

 private:
  void FillValue(std::size_t start, const StructSize& size, const MemberView& member);
  absl::Status EncodeContent(std::size_t pointers, const MemberView& member, bool allow_nan,
                             const Path& path, std::uint32_t depth);

  const DocumentLimits limits_;
  MessageBuilder message_;
  std::uint64_t fields_ = 0;
  std::uint64_t empty_structs_ = 0;
};

}  // namespace aurora::internal
