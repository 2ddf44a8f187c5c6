#include "aurora/engine/document/document_encoder.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "aurora/engine/document/field_check.h"
#include "aurora/engine/document/free_encoder.h"
#include "aurora/engine/document/message_builder.h"
#include "aurora/engine/document/wire.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora {
namespace internal {
namespace {

// A member and the slot that it goes to.
struct Resolved {
  FieldSlot slot = 0;
  std::uint32_t order = 0;  // in which it was given
  std::string_view name;
  ValueView value;
};

// A stretch of the encoder's stack of members: those of one struct, sorted by slot.
struct Members {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// The bits of a scalar that is stored in one word.
std::uint64_t ScalarBits(Storage storage, const ValueView& value) {
  switch (storage) {
    case Storage::kInt64:
      return Int64Bits(value);
    case Storage::kDouble:
      return DoubleBits(value);
    case Storage::kTimestamp:
      return TimestampBits(value);
    default:
      AURORA_CHECK(false);
  }
}

class Encoder {
 public:
  explicit Encoder(const DocumentLimits& limits) : free_(limits), message_(*free_.message()) {
    stack_.reserve(kReservedMembers);
  }

  absl::StatusOr<std::string> Document(const StructLayout& layout,
                                       const std::optional<DocumentId>& id,
                                       const ObjectView& fields) {
    if (id.has_value()) id_ = id->ToValue();
    std::size_t root;
    if (!message_.Grow(1, &root)) return free_.TooLarge();
    AURORA_RETURN_IF_ERROR(EncodeStruct(root, layout, fields, Path(), 1));
    return message_.Take();
  }

 private:
  static constexpr std::size_t kReservedMembers = 16;  // most documents have no more

  // Finds the slots of an object's members, checks their values, and adds defaults. The members are
  // left on the stack.
  absl::Status Resolve(const StructLayout& layout, const ObjectView& object, const Path& path,
                       Members* members);
  absl::Status ResolveMember(const StructLayout& layout, const MemberView& member, const Path& path,
                             FieldSlot* expected);
  absl::Status CheckId(const ValueView& value, const Path& path) const;
  absl::Status CheckTwice(const StructLayout& layout, const Members& members,
                          const Path& path) const;
  absl::Status Attend(const StructLayout& layout, const Path& path, Members* members);

  StructSize SizeOf(const StructLayout& layout, const Members& members) const;
  void Fill(std::size_t start, const StructLayout& layout, const Members& members);
  absl::Status EncodePointers(std::size_t pointers, const StructLayout& layout,
                              const Members& members, const Path& path, std::uint32_t depth);
  absl::Status EncodeUndeclared(std::size_t at, std::size_t begin, std::size_t end,
                                const Path& path, std::uint32_t depth);
  absl::Status EncodeField(std::size_t at, const StructLayout& layout, FieldSlot slot,
                           const ValueView& value, const Path& path, std::uint32_t depth);

  absl::Status EncodeStruct(std::size_t at, const StructLayout& layout, const ObjectView& object,
                            const Path& path, std::uint32_t depth);
  absl::Status EncodeList(std::size_t at, const FieldLayout& field, ItemStorage storage,
                          const ArrayView& array, const Path& path, std::uint32_t depth);
  absl::Status EncodeScalars(std::size_t at, const FieldLayout& field, ItemStorage storage,
                             const ArrayView& array, const Path& path);
  absl::Status EncodeTexts(std::size_t at, const FieldLayout& field, const ArrayView& array,
                           const Path& path);
  absl::Status EncodeUuids(std::size_t at, const FieldLayout& field, const ArrayView& array,
                           const Path& path);
  absl::Status EncodeStructs(std::size_t at, const StructLayout& layout, const ArrayView& array,
                             const Path& path, std::uint32_t depth);

  FreeEncoder free_;
  MessageBuilder& message_;
  ValueView id_;
  std::vector<Resolved> stack_;
};

absl::Status Encoder::CheckId(const ValueView& value, const Path& path) const {
  if (id_.is_null()) {
    return InvalidArgumentError(FieldAt(path), " is given, but this is not a stored document");
  }
  if (value.type() != id_.type() || !Equal(value, id_)) {
    return InvalidArgumentError(FieldAt(path), " is ", DebugString(value),
                                ", but the document's id is ", DebugString(id_));
  }
  return absl::OkStatus();
}

absl::Status Encoder::ResolveMember(const StructLayout& layout, const MemberView& member,
                                    const Path& path, FieldSlot* expected) {
  const Path here{.parent = &path, .name = member.name};
  const auto order = static_cast<std::uint32_t>(stack_.size());
  FieldSlot slot = *expected;
  // Members mostly come in the order of the schema.
  const bool as_expected = slot < layout.slot_count() && slot != layout.undeclared_slot() &&
                           layout.field(slot).schema.name == member.name &&
                           !layout.field(slot).schema.dropped();
  if (!as_expected) {
    const auto found = layout.Find(member.name);
    if (!found.has_value()) {
      if (layout.outermost() && member.name == kIdFieldName) return CheckId(member.value, here);
      if (!layout.open()) {
        return InvalidArgumentError(FieldAt(here), " is not declared, and the schema is not open: ",
                                    TypeName(member.value.type()), " ",
                                    DebugString(member.value, 64));
      }
      AURORA_RETURN_IF_ERROR(free_.CheckName(member.name, path));
      stack_.push_back({*layout.undeclared_slot(), order, member.name, member.value});
      return absl::OkStatus();
    }
    slot = *found;
  }
  *expected = slot + 1;
  const FieldLayout& field = layout.field(slot);
  if (member.value.is_null()) {
    if (!field.schema.attributes.Has(kNullable)) {
      return InvalidArgumentError(FieldAt(here), ": expected ", field.schema.TypeText(),
                                  ", got null, and the field is not nullable");
    }
  } else {
    AURORA_RETURN_IF_ERROR(CheckFieldValue(field, member.value, here));
  }
  stack_.push_back({slot, order, field.schema.name, member.value});
  return absl::OkStatus();
}

absl::Status Encoder::CheckTwice(const StructLayout& layout, const Members& members,
                                 const Path& path) const {
  std::vector<std::string_view> undeclared;
  for (std::size_t i = members.begin; i < members.end; ++i) {
    if (stack_[i].slot == layout.undeclared_slot()) {
      undeclared.push_back(stack_[i].name);
    } else if (i > members.begin && stack_[i].slot == stack_[i - 1].slot) {
      return NamedTwice(path, stack_[i].name);
    }
  }
  std::string_view duplicate;
  if (HoldsDuplicate(std::move(undeclared), &duplicate)) return NamedTwice(path, duplicate);
  return absl::OkStatus();
}

// Fields that were not given: defaults are filled in, required ones missed.
absl::Status Encoder::Attend(const StructLayout& layout, const Path& path, Members* members) {
  std::size_t next = members->begin;
  const std::size_t given_end = members->end;
  for (const FieldSlot slot : layout.attended_slots()) {
    while (next < given_end && stack_[next].slot < slot) ++next;
    if (next < given_end && stack_[next].slot == slot) continue;
    const FieldLayout& field = layout.field(slot);
    if (!field.default_value.has_value()) {
      const Path here{.parent = &path, .name = field.schema.name};
      return InvalidArgumentError(FieldAt(here), " (", field.schema.TypeText(),
                                  ") is required but missing");
    }
    stack_.push_back({slot, 0, field.schema.name, *field.default_value});
  }
  members->end = stack_.size();
  return absl::OkStatus();
}

absl::Status Encoder::Resolve(const StructLayout& layout, const ObjectView& object,
                              const Path& path, Members* members) {
  const auto by_slot = [](const Resolved& a, const Resolved& b) {
    return a.slot != b.slot ? a.slot < b.slot : a.order < b.order;
  };
  members->begin = stack_.size();
  FieldSlot expected = 0;
  std::size_t count = 0;
  for (const MemberView& member : object) {
    AURORA_RETURN_IF_ERROR(ResolveMember(layout, member, path, &expected));
    ++count;
  }
  members->end = stack_.size();
  AURORA_RETURN_IF_ERROR(free_.CountFields(count, path));
  const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(members->begin);
  if (!std::is_sorted(begin, stack_.end(), by_slot)) std::sort(begin, stack_.end(), by_slot);
  AURORA_RETURN_IF_ERROR(CheckTwice(layout, *members, path));
  const std::size_t given_end = members->end;
  AURORA_RETURN_IF_ERROR(Attend(layout, path, members));
  if (members->end > given_end) {
    std::sort(stack_.begin() + static_cast<std::ptrdiff_t>(members->begin), stack_.end(), by_slot);
  }
  return absl::OkStatus();
}

StructSize Encoder::SizeOf(const StructLayout& layout, const Members& members) const {
  StructSize size;
  if (layout.outermost() && !id_.is_null()) {
    size.IncludeBit(kIdKindByte * 8);
    if (id_.type() == Type::kString) size.IncludePointer(kIdTextPointer);
  }
  for (std::size_t i = members.begin; i < members.end; ++i) {
    const Resolved& member = stack_[i];
    const FieldAccess& access = layout.access(member.slot);
    if (access.storage == Storage::kUndeclared) {
      size.IncludePointer(access.offset);
      continue;
    }
    if (member.value.is_null()) {
      size.IncludeBit(access.null_bit);
      continue;
    }
    size.IncludeBit(access.set_bit);
    if (IsPointer(access.storage)) {
      size.IncludePointer(access.offset);
    } else if (access.storage == Storage::kBool) {
      if (member.value.AsBool()) size.IncludeBit(access.offset);
    } else if (access.storage == Storage::kUuid) {
      size.IncludeWord(access.offset, member.value.AsUuid().High());
      size.IncludeWord(access.offset + kWordBytes, member.value.AsUuid().Low());
    } else {
      size.IncludeWord(access.offset, ScalarBits(access.storage, member.value));
    }
  }
  return size;
}

// Writes the data section, which starts at `start` and is large enough for all that is not zero.
void Encoder::Fill(std::size_t start, const StructLayout& layout, const Members& members) {
  const auto set_word = [&](std::uint32_t offset, std::uint64_t word) {
    if (word != 0) message_.SetWord(start + offset, word);
  };
  if (layout.outermost() && !id_.is_null()) {
    IdKind kind = IdKind::kString;
    if (id_.type() == Type::kUuid) {
      kind = IdKind::kUuid;
      set_word(kIdHighOffset, id_.AsUuid().High());
      set_word(kIdLowOffset, id_.AsUuid().Low());
    } else if (id_.type() == Type::kInt64) {
      kind = IdKind::kInt64;
      set_word(kIdLowOffset, Int64Bits(id_));
    }
    message_.OrByte(start + kIdKindByte, static_cast<std::uint8_t>(kind));
  }
  for (std::size_t i = members.begin; i < members.end; ++i) {
    const Resolved& member = stack_[i];
    const FieldAccess& access = layout.access(member.slot);
    if (access.storage == Storage::kUndeclared) continue;
    if (member.value.is_null()) {
      message_.SetBit(start, access.null_bit);
      continue;
    }
    message_.SetBit(start, access.set_bit);
    if (IsPointer(access.storage)) continue;
    if (access.storage == Storage::kBool) {
      if (member.value.AsBool()) message_.SetBit(start, access.offset);
    } else if (access.storage == Storage::kUuid) {
      set_word(access.offset, member.value.AsUuid().High());
      set_word(access.offset + kWordBytes, member.value.AsUuid().Low());
    } else {
      set_word(access.offset, ScalarBits(access.storage, member.value));
    }
  }
}

absl::Status Encoder::EncodePointers(std::size_t pointers, const StructLayout& layout,
                                     const Members& members, const Path& path,
                                     std::uint32_t depth) {
  if (layout.outermost() && id_.type() == Type::kString) {
    if (!message_.AddBytes(pointers + kIdTextPointer * kWordBytes, id_.AsString(), true)) {
      return free_.TooLarge();
    }
  }
  // Slots ascend, and so do the pointers of their fields.
  for (std::size_t i = members.begin; i < members.end; ++i) {
    const FieldSlot slot = stack_[i].slot;
    const FieldAccess& access = layout.access(slot);
    const std::size_t at = pointers + std::size_t{access.offset} * kWordBytes;
    if (access.storage == Storage::kUndeclared) {
      std::size_t end = i;
      while (end < members.end && stack_[end].slot == slot) ++end;
      AURORA_RETURN_IF_ERROR(EncodeUndeclared(at, i, end, path, depth));
      i = end - 1;
      continue;
    }
    if (!IsPointer(access.storage) || stack_[i].value.is_null()) continue;
    const ValueView value = stack_[i].value;
    const Path here{.parent = &path, .name = stack_[i].name};
    AURORA_RETURN_IF_ERROR(EncodeField(at, layout, slot, value, here, depth));
  }
  return absl::OkStatus();
}

absl::Status Encoder::EncodeUndeclared(std::size_t at, std::size_t begin, std::size_t end,
                                       const Path& path, std::uint32_t depth) {
  std::vector<MemberView> members;
  members.reserve(end - begin);
  for (std::size_t i = begin; i < end; ++i) {
    // A name that is empty is still a name.
    const std::string_view name = stack_[i].name.data() == nullptr ? "" : stack_[i].name;
    members.push_back({name, stack_[i].value});
  }
  return free_.Values(at, members, /*allow_nan=*/false, path, depth);
}

absl::Status Encoder::EncodeField(std::size_t at, const StructLayout& layout, FieldSlot slot,
                                  const ValueView& value, const Path& path, std::uint32_t depth) {
  const FieldLayout& field = layout.field(slot);
  const bool allow_nan = field.schema.attributes.Has(kAllowNaN);
  switch (layout.access(slot).storage) {
    case Storage::kText:
      return message_.AddBytes(at, value.AsString(), true) ? absl::OkStatus() : free_.TooLarge();
    case Storage::kData:
      return message_.AddBytes(at, value.AsBytes(), false) ? absl::OkStatus() : free_.TooLarge();
    case Storage::kAny:
      return free_.Any(at, value, allow_nan, path, depth);
    case Storage::kFreeObject:
      return free_.Object(at, value.AsObject(), allow_nan, path, depth + 1);
    case Storage::kStruct:
      return EncodeStruct(at, *field.child, value.AsObject(), path, depth + 1);
    case Storage::kList:
      return EncodeList(at, field, layout.access(slot).item, value.AsArray(), path, depth + 1);
    default:
      AURORA_CHECK(false);
  }
}

absl::Status Encoder::EncodeStruct(std::size_t at, const StructLayout& layout,
                                   const ObjectView& object, const Path& path,
                                   std::uint32_t depth) {
  AURORA_RETURN_IF_ERROR(free_.CheckDepth(depth, path));
  Members members;
  AURORA_RETURN_IF_ERROR(Resolve(layout, object, path, &members));
  const StructSize size = SizeOf(layout, members);
  std::size_t start;
  if (!message_.Grow(size.words(), &start)) return free_.TooLarge();
  message_.PointToStruct(at, start, size);
  Fill(start, layout, members);
  AURORA_RETURN_IF_ERROR(EncodePointers(start + std::size_t{size.data_words} * kWordBytes, layout,
                                        members, path, depth));
  stack_.resize(members.begin);
  return absl::OkStatus();
}

absl::Status Encoder::EncodeList(std::size_t at, const FieldLayout& field, ItemStorage storage,
                                 const ArrayView& array, const Path& path, std::uint32_t depth) {
  AURORA_RETURN_IF_ERROR(free_.CheckDepth(depth, path));
  AURORA_RETURN_IF_ERROR(free_.CheckItems(array.size(), path));
  switch (storage) {
    case ItemStorage::kBool:
    case ItemStorage::kInt64:
    case ItemStorage::kDouble:
    case ItemStorage::kTimestamp:
      return EncodeScalars(at, field, storage, array, path);
    case ItemStorage::kText:
    case ItemStorage::kData:
      return EncodeTexts(at, field, array, path);
    case ItemStorage::kUuid:
      return EncodeUuids(at, field, array, path);
    case ItemStorage::kStruct:
      return EncodeStructs(at, *field.child, array, path, depth);
    case ItemStorage::kAny:
      return free_.Array(at, field.schema.item_type, array, field.schema.attributes.Has(kAllowNaN),
                         path, depth);
  }
  AURORA_CHECK(false);
}

absl::Status Encoder::EncodeScalars(std::size_t at, const FieldLayout& field, ItemStorage storage,
                                    const ArrayView& array, const Path& path) {
  const auto count = static_cast<std::uint32_t>(array.size());
  const bool bits = storage == ItemStorage::kBool;
  std::size_t start;
  if (!message_.Grow(bits ? (count + 63) / 64 : count, &start)) return free_.TooLarge();
  message_.PointToList(at, start, bits ? ElementSize::kBit : ElementSize::kEightBytes, count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const ValueView item = array[i];
    const Path here{.parent = &path, .index = i};
    AURORA_RETURN_IF_ERROR(
        CheckItem(field.schema.item_type, field.schema.attributes.Has(kAllowNaN), item, here));
    const std::size_t position = start + std::size_t{i} * kWordBytes;
    switch (storage) {
      case ItemStorage::kBool:
        if (item.AsBool()) message_.SetBit(start, i);
        break;
      case ItemStorage::kInt64:
        message_.SetWord(position, Int64Bits(item));
        break;
      case ItemStorage::kDouble:
        message_.SetWord(position, DoubleBits(item));
        break;
      default:
        message_.SetWord(position, TimestampBits(item));
    }
  }
  return absl::OkStatus();
}

absl::Status Encoder::EncodeTexts(std::size_t at, const FieldLayout& field, const ArrayView& array,
                                  const Path& path) {
  const auto count = static_cast<std::uint32_t>(array.size());
  std::size_t start;
  if (!message_.Grow(count, &start)) return free_.TooLarge();
  message_.PointToList(at, start, ElementSize::kPointer, count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const ValueView item = array[i];
    const Path here{.parent = &path, .index = i};
    AURORA_RETURN_IF_ERROR(CheckItem(field.schema.item_type, false, item, here));
    const bool text = item.type() == Type::kString;
    if (!message_.AddBytes(start + std::size_t{i} * kWordBytes,
                           text ? item.AsString() : item.AsBytes(), text)) {
      return free_.TooLarge();
    }
  }
  return absl::OkStatus();
}

absl::Status Encoder::EncodeUuids(std::size_t at, const FieldLayout& field, const ArrayView& array,
                                  const Path& path) {
  const auto count = static_cast<std::uint32_t>(array.size());
  StructSize size;
  for (std::uint32_t i = 0; i < count; ++i) {
    const ValueView item = array[i];
    const Path here{.parent = &path, .index = i};
    AURORA_RETURN_IF_ERROR(CheckItem(field.schema.item_type, false, item, here));
    size.IncludeWord(0, item.AsUuid().High());
    size.IncludeWord(kWordBytes, item.AsUuid().Low());
  }
  std::size_t first;
  AURORA_RETURN_IF_ERROR(free_.AddStructs(at, size, count, path, &first));
  for (std::uint32_t i = 0; i < count; ++i) {
    const Uuid uuid = array[i].AsUuid();
    const std::size_t start = first + std::size_t{i} * size.words() * kWordBytes;
    if (size.data_words > 0) message_.SetWord(start, uuid.High());
    if (size.data_words > 1) message_.SetWord(start + kWordBytes, uuid.Low());
  }
  return absl::OkStatus();
}

absl::Status Encoder::EncodeStructs(std::size_t at, const StructLayout& layout,
                                    const ArrayView& array, const Path& path, std::uint32_t depth) {
  AURORA_RETURN_IF_ERROR(free_.CheckDepth(depth + 1, path));
  const auto count = static_cast<std::uint32_t>(array.size());
  const std::size_t stack_begin = stack_.size();
  std::vector<Members> items(count);
  StructSize size;
  for (std::uint32_t i = 0; i < count; ++i) {
    const Path here{.parent = &path, .index = i};
    const ValueView item = array[i];
    if (item.type() != Type::kObject) return WrongType(here, TypeName(Type::kObject), item);
    AURORA_RETURN_IF_ERROR(Resolve(layout, item.AsObject(), here, &items[i]));
    size.Include(SizeOf(layout, items[i]));
  }
  std::size_t first;
  AURORA_RETURN_IF_ERROR(free_.AddStructs(at, size, count, path, &first));
  const std::size_t step = std::size_t{size.words()} * kWordBytes;
  for (std::uint32_t i = 0; i < count; ++i) Fill(first + i * step, layout, items[i]);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Path here{.parent = &path, .index = i};
    const std::size_t pointers = first + i * step + std::size_t{size.data_words} * kWordBytes;
    AURORA_RETURN_IF_ERROR(EncodePointers(pointers, layout, items[i], here, depth + 1));
  }
  stack_.resize(stack_begin);
  return absl::OkStatus();
}

}  // namespace
}  // namespace internal

absl::StatusOr<std::string> EncodeDocument(const Layout& layout,
                                           const std::optional<DocumentId>& id,
                                           const ObjectView& fields, const DocumentLimits& limits) {
  auto encoded = internal::Encoder(limits).Document(layout.root(), id, fields);
  AURORA_DCHECK(!encoded.ok() || encoded->size() % internal::kWordBytes == 0);
  return encoded;
}

absl::StatusOr<std::string> EncodeValue(const ValueView& value, const DocumentLimits& limits) {
  internal::FreeEncoder encoder(limits);
  std::size_t root;
  if (!encoder.message()->Grow(1, &root)) return encoder.TooLarge();
  AURORA_RETURN_IF_ERROR(encoder.Any(root, value, /*allow_nan=*/false, internal::Path(), 1));
  return encoder.message()->Take();
}

}  // namespace aurora
