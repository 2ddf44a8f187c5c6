#include "aurora/engine/document/free_encoder.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "aurora/engine/document/utf8.h"
#include "aurora/engine/document/wire.h"
#include "aurora/runtime/compiler.h"
#include "aurora/runtime/status.h"

namespace aurora::internal {
namespace {

// What a struct Value needs for a member or item.
StructSize SizeOfValue(const MemberView& member) {
  StructSize size;
  if (member.name.data() != nullptr) size.IncludePointer(kValueNamePointer);
  switch (member.value.type()) {
    case Type::kNull:
      break;
    case Type::kInt64:
      size.IncludeBit(0);
      size.IncludeWord(kValueNumberOffset, Int64Bits(member.value));
      break;
    case Type::kDouble:
      size.IncludeBit(0);
      size.IncludeWord(kValueNumberOffset, DoubleBits(member.value));
      break;
    case Type::kTimestamp:
      size.IncludeBit(0);
      size.IncludeWord(kValueNumberOffset, TimestampBits(member.value));
      break;
    case Type::kBool:
      size.IncludeBit(0);
      break;
    default:
      size.IncludeBit(0);
      size.IncludePointer(kValueContentPointer);
  }
  return size;
}

}  // namespace

bool HoldsDuplicate(std::vector<std::string_view> names, std::string_view* duplicate) {
  std::sort(names.begin(), names.end());
  const auto found = std::adjacent_find(names.begin(), names.end());
  if (found == names.end()) return false;
  *duplicate = *found;
  return true;
}

absl::Status NamedTwice(const Path& path, std::string_view name) {
  const Path member{.parent = &path, .name = name};
  return InvalidArgumentError(FieldAt(member), " is given twice");
}

absl::Status FreeEncoder::TooLarge() const {
  return ResourceExhaustedError("the document is larger than the limit of ",
                                limits_.document_bytes_max, " bytes (document_bytes_max)");
}

absl::Status FreeEncoder::CheckDepth(std::uint32_t depth, const Path& path) const {
  if (AURORA_LIKELY(depth <= limits_.depth_max)) return absl::OkStatus();
  return ResourceExhaustedError(FieldAt(path), " is nested deeper than the limit of ",
                                limits_.depth_max, " (depth_max)");
}

absl::Status FreeEncoder::CountFields(std::size_t count, const Path& path) {
  fields_ += count;
  if (AURORA_LIKELY(fields_ <= limits_.fields_max)) return absl::OkStatus();
  return ResourceExhaustedError("the document has more fields, at ", FieldAt(path),
                                ", than the limit of ", limits_.fields_max, " (fields_max)");
}

absl::Status FreeEncoder::CheckItems(std::size_t count, const Path& path) const {
  if (AURORA_LIKELY(count <= limits_.array_items_max)) return absl::OkStatus();
  return ResourceExhaustedError(FieldAt(path), " has ", count, " items; the limit is ",
                                limits_.array_items_max, " (array_items_max)");
}

absl::Status FreeEncoder::CheckName(std::string_view name, const Path& path) const {
  if (name.size() > limits_.name_bytes_max) {
    return ResourceExhaustedError("a name in ", FieldAt(path), ", ", Quoted(name), ", has ",
                                  name.size(), " bytes; the limit is ", limits_.name_bytes_max,
                                  " (name_bytes_max)");
  }
  if (!IsValidUtf8(name)) {
    return InvalidArgumentError("a name in ", FieldAt(path), ", ", Quoted(name),
                                ", is not valid UTF-8");
  }
  return absl::OkStatus();
}

absl::Status FreeEncoder::AddStructs(std::size_t at, const StructSize& size, std::uint32_t count,
                                     const Path& path, std::size_t* first) {
  if (size.words() == 0) empty_structs_ += count;
  if (empty_structs_ > kEmptyStructsMax) {
    return ResourceExhaustedError(FieldAt(path), " brings the empty items of the document above ",
                                  kEmptyStructsMax);
  }
  return message_.AddStructs(at, size, count, first) ? absl::OkStatus() : TooLarge();
}

absl::Status FreeEncoder::Any(std::size_t at, const ValueView& value, bool allow_nan,
                              const Path& path, std::uint32_t depth) {
  AURORA_RETURN_IF_ERROR(CheckFreeValue(value, allow_nan, path));
  const MemberView unnamed{.name = std::string_view(), .value = value};
  const StructSize size = SizeOfValue(unnamed);
  std::size_t start;
  if (!message_.Grow(size.words(), &start)) return TooLarge();
  message_.PointToStruct(at, start, size);
  FillValue(start, size, unnamed);
  return EncodeContent(start + std::size_t{size.data_words} * kWordBytes, unnamed, allow_nan, path,
                       depth);
}

absl::Status FreeEncoder::Object(std::size_t at, const ObjectView& object, bool allow_nan,
                                 const Path& path, std::uint32_t depth) {
  AURORA_RETURN_IF_ERROR(CheckDepth(depth, path));
  std::vector<MemberView> members;
  std::vector<std::string_view> names;
  for (const MemberView& member : object) {
    AURORA_RETURN_IF_ERROR(CheckName(member.name, path));
    // A name that is empty is still a name.
    const std::string_view name = member.name.data() == nullptr ? "" : member.name;
    members.push_back({name, member.value});
    names.push_back(name);
  }
  AURORA_RETURN_IF_ERROR(CountFields(members.size(), path));
  std::string_view duplicate;
  if (HoldsDuplicate(std::move(names), &duplicate)) return NamedTwice(path, duplicate);
  return Values(at, members, allow_nan, path, depth);
}

absl::Status FreeEncoder::Array(std::size_t at, DeclaredType type, const ArrayView& array,
                                bool allow_nan, const Path& path, std::uint32_t depth) {
  AURORA_RETURN_IF_ERROR(CheckDepth(depth, path));
  AURORA_RETURN_IF_ERROR(CheckItems(array.size(), path));
  std::vector<MemberView> items;
  items.reserve(array.size());
  for (const ValueView& item : array) {
    if (type.has_value() && item.type() != *type) {
      const Path here{.parent = &path, .index = static_cast<std::int64_t>(items.size())};
      return WrongType(here, TypeName(*type), item);
    }
    items.push_back({std::string_view(), item});
  }
  return Values(at, items, allow_nan, path, depth);
}

absl::Status FreeEncoder::Values(std::size_t at, const std::vector<MemberView>& values,
                                 bool allow_nan, const Path& path, std::uint32_t depth) {
  const auto path_of = [&](std::size_t i) {
    return values[i].name.data() == nullptr
               ? Path{.parent = &path, .index = static_cast<std::int64_t>(i)}
               : Path{.parent = &path, .name = values[i].name};
  };
  const auto count = static_cast<std::uint32_t>(values.size());
  StructSize size;
  for (std::uint32_t i = 0; i < count; ++i) {
    AURORA_RETURN_IF_ERROR(CheckFreeValue(values[i].value, allow_nan, path_of(i)));
    size.Include(SizeOfValue(values[i]));
  }
  std::size_t first;
  AURORA_RETURN_IF_ERROR(AddStructs(at, size, count, path, &first));
  const std::size_t step = std::size_t{size.words()} * kWordBytes;
  for (std::uint32_t i = 0; i < count; ++i) FillValue(first + i * step, size, values[i]);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::size_t pointers = first + i * step + std::size_t{size.data_words} * kWordBytes;
    AURORA_RETURN_IF_ERROR(EncodeContent(pointers, values[i], allow_nan, path_of(i), depth));
  }
  return absl::OkStatus();
}

void FreeEncoder::FillValue(std::size_t start, const StructSize& size, const MemberView& member) {
  if (size.data_words == 0) return;
  const ValueView& value = member.value;
  message_.OrByte(start, static_cast<std::uint8_t>(value.type()));
  std::uint64_t number = 0;
  if (value.type() == Type::kBool && value.AsBool()) message_.SetBit(start, kValueBoolBit);
  if (value.type() == Type::kInt64) number = Int64Bits(value);
  if (value.type() == Type::kDouble) number = DoubleBits(value);
  if (value.type() == Type::kTimestamp) number = TimestampBits(value);
  if (number != 0) message_.SetWord(start + kValueNumberOffset, number);
}

// The name, then what the value points to.
absl::Status FreeEncoder::EncodeContent(std::size_t pointers, const MemberView& member,
                                        bool allow_nan, const Path& path, std::uint32_t depth) {
  const bool named = member.name.data() != nullptr;
  if (named && !message_.AddBytes(pointers + kValueNamePointer * kWordBytes, member.name, true)) {
    return TooLarge();
  }
  const std::size_t at = pointers + kValueContentPointer * kWordBytes;
  const ValueView& value = member.value;
  switch (value.type()) {
    case Type::kString:
      return message_.AddBytes(at, value.AsString(), true) ? absl::OkStatus() : TooLarge();
    case Type::kBytes:
      return message_.AddBytes(at, value.AsBytes(), false) ? absl::OkStatus() : TooLarge();
    case Type::kUuid: {
      const Uuid uuid = value.AsUuid();
      const std::string_view bytes(reinterpret_cast<const char*>(uuid.bytes.data()),
                                   uuid.bytes.size());
      return message_.AddBytes(at, bytes, false) ? absl::OkStatus() : TooLarge();
    }
    case Type::kArray:
      return Array(at, std::nullopt, value.AsArray(), allow_nan, path, depth + 1);
    case Type::kObject:
      return Object(at, value.AsObject(), allow_nan, path, depth + 1);
    default:
      return absl::OkStatus();
  }
}

}  // namespace aurora::internal
