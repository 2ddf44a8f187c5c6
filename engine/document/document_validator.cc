#include "aurora/engine/document/document_validator.h"

#include <cstdint>

#include "aurora/engine/document/limits.h"
#include "aurora/engine/document/message_builder.h"
#include "aurora/engine/document/struct_reader.h"
#include "aurora/engine/document/wire.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora {
namespace internal {
namespace {

constexpr DocumentLimits kLimits = DocumentLimits::Absolute();

// Walks the message in preorder. `cursor_` is where the next object must start; all before it has
// been given to objects. The first fault is kept.
class Validator {
 public:
  explicit Validator(std::string_view bytes)
      : base_(reinterpret_cast<const std::uint8_t*>(bytes.data())), size_(bytes.size()) {}

  absl::Status Document(const StructLayout& layout) {
    if (Begin() && Struct(0, layout, 1)) End();
    return Result();
  }

  absl::Status Value() {
    if (Begin() && SingleValue(0, 1)) End();
    return Result();
  }

 private:
  bool Fail(const char* what, std::size_t at) {
    if (fault_ == nullptr) {
      fault_ = what;
      fault_at_ = at;
    }
    return false;
  }

  absl::Status Result() const {
    if (fault_ == nullptr) return absl::OkStatus();
    return DataLossError("a stored document is damaged: ", fault_, " at byte ", fault_at_, " of ",
                         size_);
  }

  bool Begin() {
    if (size_ % kWordBytes != 0 || size_ < kWordBytes || size_ > kLimits.document_bytes_max) {
      return Fail("a size that no document has", size_);
    }
    cursor_ = kWordBytes;
    return true;
  }

  void End() {
    if (cursor_ != size_) Fail("bytes that belong to nothing", cursor_);
  }

  std::uint64_t WordAt(std::size_t at) const {
    AURORA_DCHECK(at + kWordBytes <= size_);
    return LoadWord(base_ + at);
  }

  // Takes `words` at the cursor, which the pointer at `at` must point to.
  bool Take(std::size_t at, std::uint64_t pointer, std::uint64_t words, std::size_t* start) {
    const std::int64_t target = static_cast<std::int64_t>(at) + kWordBytes +
                                std::int64_t{PointerOffset(pointer)} * kWordBytes;
    if (target != static_cast<std::int64_t>(cursor_)) {
      return Fail("a pointer that does not lead to the next object", at);
    }
    if (words > (size_ - cursor_) / kWordBytes) return Fail("an object beyond the end", at);
    *start = cursor_;
    cursor_ += words * kWordBytes;
    return true;
  }

  StructRef RefAt(std::size_t start, const StructSize& size) const {
    return {base_ + start, size.data_words * kWordBytes, size.pointers};
  }

  // The pointer at `at` to a struct of at most `most`.
  bool TakeStruct(std::size_t at, const StructSize& most, StructRef* ref) {
    const std::uint64_t pointer = WordAt(at);
    const StructSize size{StructDataWords(pointer), StructPointers(pointer)};
    if (pointer == 0 || PointerKind(pointer) != 0) return Fail("no struct where one must be", at);
    if (size.words() == 0) {
      if (pointer != kEmptyStructPointer) return Fail("a struct in no canonical form", at);
      *ref = RefAt(at, size);
      return true;
    }
    if (size.data_words > most.data_words || size.pointers > most.pointers) {
      return Fail("a struct larger than its schema", at);
    }
    std::size_t start;
    if (!Take(at, pointer, size.words(), &start)) return false;
    *ref = RefAt(start, size);
    if (!EndsInUse(*ref).Covers(size)) return Fail("a struct in no canonical form", start);
    return true;
  }

  struct Use {
    bool data = false;
    bool pointers = false;
    bool Covers(const StructSize& size) const {
      return (data || size.data_words == 0) && (pointers || size.pointers == 0);
    }
  };
  // Whether the last words of the sections hold anything: else they would not have been written.
  static Use EndsInUse(const StructRef& ref) {
    return {ref.data_bytes > 0 && ref.Word(ref.data_bytes - kWordBytes) != 0,
            ref.pointers > 0 && LoadWord(ref.PointerAt(ref.pointers - 1)) != 0};
  }

  // The pointer at `at` to a list of structs of at most `most`; *first is where the first one is.
  bool TakeStructs(std::size_t at, const StructSize& most, std::size_t* first, StructSize* size,
                   std::uint32_t* count) {
    const std::uint64_t pointer = WordAt(at);
    if (PointerKind(pointer) != 1 || ListElementSize(pointer) != ElementSize::kComposite) {
      return Fail("no list of structs where one must be", at);
    }
    std::size_t tag_at;
    if (!Take(at, pointer, std::uint64_t{1} + ListCount(pointer), &tag_at)) return false;
    const std::uint64_t tag = WordAt(tag_at);
    *size = {StructDataWords(tag), StructPointers(tag)};
    *count = TagCount(tag);
    *first = tag_at + kWordBytes;
    if (PointerKind(tag) != 0 || *count > kLimits.array_items_max ||
        std::uint64_t{*count} * size->words() != ListCount(pointer)) {
      return Fail("a list whose size does not fit", tag_at);
    }
    if (size->data_words > most.data_words || size->pointers > most.pointers) {
      return Fail("a struct larger than its schema", tag_at);
    }
    if (*count == 0 && size->words() != 0) return Fail("a list in no canonical form", tag_at);
    if (size->words() == 0) {
      empty_structs_ += *count;
      if (empty_structs_ > kEmptyStructsMax) return Fail("too many empty structs", tag_at);
      return true;
    }
    Use use;
    for (std::uint32_t i = 0; i < *count && !use.Covers(*size); ++i) {
      const Use of_item = EndsInUse(RefAt(*first + StepOf(*size) * i, *size));
      use = {use.data || of_item.data, use.pointers || of_item.pointers};
    }
    return use.Covers(*size) || Fail("a list in no canonical form", tag_at);
  }

  static std::size_t StepOf(const StructSize& size) {
    return std::size_t{size.words()} * kWordBytes;
  }
  std::size_t PositionOf(const std::uint8_t* at) const {
    return static_cast<std::size_t>(at - base_);
  }

  bool TakeBytes(std::size_t at, bool text, std::string_view* bytes);
  bool Bytes(std::size_t at, bool text) {
    std::string_view bytes;
    return TakeBytes(at, text, &bytes);
  }

  bool Struct(std::size_t at, const StructLayout& layout, std::uint32_t depth);
  bool StructBody(const StructRef& ref, const StructLayout& layout);
  bool PointersOf(const StructRef& ref, const StructLayout& layout, std::uint32_t depth);
  bool Id(const StructRef& ref);
  bool FieldState(const StructRef& ref, const FieldAccess& access);
  bool Field(std::size_t at, const StructLayout& layout, FieldSlot slot, std::uint32_t depth);
  bool List(std::size_t at, const StructLayout& layout, FieldSlot slot, std::uint32_t depth);
  bool Scalars(std::size_t at, bool bits);
  bool Texts(std::size_t at, bool text);
  bool Structs(std::size_t at, const StructLayout& layout, std::uint32_t depth);
  bool Uuids(std::size_t at);

  bool SingleValue(std::size_t at, std::uint32_t depth);
  bool Values(std::size_t at, bool named, std::uint32_t depth);
  bool ValueBody(const StructRef& ref, bool named);
  bool ValuePointers(const StructRef& ref, bool named, std::uint32_t depth);

  bool CheckDepth(std::size_t at, std::uint32_t depth) {
    return depth <= kLimits.depth_max || Fail("nesting that is too deep", at);
  }

  const std::uint8_t* const base_;
  const std::size_t size_;
  std::size_t cursor_ = 0;
  std::uint64_t empty_structs_ = 0;
  const char* fault_ = nullptr;
  std::size_t fault_at_ = 0;
};

bool Validator::TakeBytes(std::size_t at, bool text, std::string_view* bytes) {
  const std::uint64_t pointer = WordAt(at);
  if (PointerKind(pointer) != 1 || ListElementSize(pointer) != ElementSize::kByte) {
    return Fail("no bytes where some must be", at);
  }
  const std::uint32_t count = ListCount(pointer);
  const std::uint64_t words = (std::uint64_t{count} + kWordBytes - 1) / kWordBytes;
  std::size_t start;
  if (!Take(at, pointer, words, &start)) return false;
  *bytes = {reinterpret_cast<const char*>(base_ + start), count};
  if (text && (count == 0 || bytes->back() != '\0')) return Fail("text without its end", start);
  for (std::size_t i = start + count; i < cursor_; ++i) {
    if (base_[i] != 0) return Fail("padding that is not zero", i);
  }
  return true;
}

bool Validator::Id(const StructRef& ref) {
  const std::uint64_t high = ref.Word(kIdHighOffset);
  const std::uint64_t low = ref.Word(kIdLowOffset);
  const bool has_text = ref.HasPointer(kIdTextPointer);
  const std::size_t at = PositionOf(ref.data);
  const auto kind = static_cast<IdKind>(ref.Word(kIdKindByte) & 0xFF);
  switch (kind) {
    case IdKind::kNone:
    case IdKind::kString:
      if (high != 0 || low != 0 || has_text != (kind == IdKind::kString)) break;
      return true;
    case IdKind::kInt64:
      if (high != 0 || has_text) break;
      return true;
    case IdKind::kUuid:
      if (has_text) break;
      return true;
  }
  return Fail("an id of no kind", at);
}

// That a field is set, null or missing, and has a value only if it is set.
bool Validator::FieldState(const StructRef& ref, const FieldAccess& access) {
  const bool set = ref.Bit(access.set_bit);
  bool has_value = false;
  if (IsPointer(access.storage)) {
    if (set != ref.HasPointer(access.offset)) {
      return Fail("a field that is set without a value, or has one without being set",
                  PositionOf(ref.data));
    }
  } else if (access.storage == Storage::kBool) {
    has_value = ref.Bit(access.offset);
  } else {
    has_value = ref.Word(access.offset) != 0;
    if (access.storage == Storage::kUuid) {
      has_value = has_value || ref.Word(access.offset + kWordBytes) != 0;
    }
  }
  if ((set && ref.Bit(access.null_bit)) || (has_value && !set)) {
    return Fail("a field in no valid state", PositionOf(ref.data));
  }
  return true;
}

bool Validator::StructBody(const StructRef& ref, const StructLayout& layout) {
  for (std::uint32_t offset = 0; offset < ref.data_bytes; offset += kWordBytes) {
    if ((ref.Word(offset) & ~layout.used_bits()[offset / kWordBytes]) != 0) {
      return Fail("bits that belong to no field", PositionOf(ref.data) + offset);
    }
  }
  if (layout.outermost() && !Id(ref)) return false;
  for (FieldSlot slot = 0; slot < layout.slot_count(); ++slot) {
    if (slot == layout.undeclared_slot()) continue;
    const FieldAccess& access = layout.access(slot);
    if (!FieldState(ref, access)) return false;
    // Places ascend with the slots: what follows has neither bits nor a value here. Pointers that
    // it may have are met by PointersOf.
    if (access.set_bit / 8 >= ref.data_bytes) break;
  }
  return true;
}

bool Validator::PointersOf(const StructRef& ref, const StructLayout& layout, std::uint32_t depth) {
  for (std::uint32_t index = 0; index < ref.pointers; ++index) {
    if (!ref.HasPointer(index)) continue;
    const std::size_t at = PositionOf(ref.PointerAt(index));
    if (layout.outermost() && index == kIdTextPointer) {
      if (!Bytes(at, /*text=*/true)) return false;
      continue;
    }
    const FieldSlot slot = layout.pointer_slots()[index];
    if (slot != layout.undeclared_slot() && !IsSet(ref, layout, slot)) {
      return Fail("a field that has a value without being set", at);
    }
    if (!Field(at, layout, slot, depth)) return false;
  }
  return true;
}

bool Validator::Struct(std::size_t at, const StructLayout& layout, std::uint32_t depth) {
  StructRef ref;
  return CheckDepth(at, depth) && TakeStruct(at, {layout.data_words(), layout.pointers()}, &ref) &&
         StructBody(ref, layout) && PointersOf(ref, layout, depth);
}

bool Validator::Field(std::size_t at, const StructLayout& layout, FieldSlot slot,
                      std::uint32_t depth) {
  switch (layout.access(slot).storage) {
    case Storage::kText:
      return Bytes(at, /*text=*/true);
    case Storage::kData:
      return Bytes(at, /*text=*/false);
    case Storage::kAny:
      return SingleValue(at, depth);
    case Storage::kFreeObject:
      return Values(at, /*named=*/true, depth + 1);
    case Storage::kUndeclared:
      return Values(at, /*named=*/true, depth);
    case Storage::kStruct:
      return Struct(at, *layout.field(slot).child, depth + 1);
    case Storage::kList:
      return List(at, layout, slot, depth + 1);
    default:
      AURORA_CHECK(false);
  }
}

bool Validator::List(std::size_t at, const StructLayout& layout, FieldSlot slot,
                     std::uint32_t depth) {
  if (!CheckDepth(at, depth)) return false;
  switch (layout.access(slot).item) {
    case ItemStorage::kBool:
      return Scalars(at, /*bits=*/true);
    case ItemStorage::kInt64:
    case ItemStorage::kDouble:
    case ItemStorage::kTimestamp:
      return Scalars(at, /*bits=*/false);
    case ItemStorage::kText:
      return Texts(at, /*text=*/true);
    case ItemStorage::kData:
      return Texts(at, /*text=*/false);
    case ItemStorage::kUuid:
      return Uuids(at);
    case ItemStorage::kAny:
      return Values(at, /*named=*/false, depth);
    case ItemStorage::kStruct:
      return Structs(at, *layout.field(slot).child, depth + 1);
  }
  AURORA_CHECK(false);
}

bool Validator::Scalars(std::size_t at, bool bits) {
  const std::uint64_t pointer = WordAt(at);
  const std::uint32_t count = ListCount(pointer);
  if (PointerKind(pointer) != 1 || count > kLimits.array_items_max ||
      ListElementSize(pointer) != (bits ? ElementSize::kBit : ElementSize::kEightBytes)) {
    return Fail("no list of scalars where one must be", at);
  }
  std::size_t start;
  if (!Take(at, pointer, bits ? (count + 63) / 64 : count, &start)) return false;
  if (bits && count % 64 != 0 && WordAt(cursor_ - kWordBytes) >> (count % 64) != 0) {
    return Fail("padding that is not zero", cursor_ - kWordBytes);
  }
  return true;
}

bool Validator::Texts(std::size_t at, bool text) {
  const std::uint64_t pointer = WordAt(at);
  const std::uint32_t count = ListCount(pointer);
  if (PointerKind(pointer) != 1 || ListElementSize(pointer) != ElementSize::kPointer ||
      count > kLimits.array_items_max) {
    return Fail("no list of pointers where one must be", at);
  }
  std::size_t start;
  if (!Take(at, pointer, count, &start)) return false;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!Bytes(start + std::size_t{i} * kWordBytes, text)) return false;
  }
  return true;
}

bool Validator::Uuids(std::size_t at) {
  std::size_t first;
  StructSize size;
  std::uint32_t count;
  return TakeStructs(at, {.data_words = 2, .pointers = 0}, &first, &size, &count);
}

bool Validator::Structs(std::size_t at, const StructLayout& layout, std::uint32_t depth) {
  std::size_t first;
  StructSize size;
  std::uint32_t count;
  if (!CheckDepth(at, depth) ||
      !TakeStructs(at, {layout.data_words(), layout.pointers()}, &first, &size, &count)) {
    return false;
  }
  if (size.words() == 0) return true;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!StructBody(RefAt(first + StepOf(size) * i, size), layout)) return false;
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!PointersOf(RefAt(first + StepOf(size) * i, size), layout, depth)) return false;
  }
  return true;
}

bool Validator::ValueBody(const StructRef& ref, bool named) {
  const std::uint64_t word = ref.Word(0);
  const std::uint64_t number = ref.Word(kValueNumberOffset);
  const std::size_t at = PositionOf(ref.data);
  if ((word & 0xFFFF) >= kTypeCount) return Fail("a value of no type", at);
  const auto type = static_cast<Type>(word & 0xFFFF);
  const std::uint64_t used =
      type == Type::kBool ? 0xFFFF | std::uint64_t{1} << kValueBoolBit : 0xFFFF;
  const bool numeric = type == Type::kInt64 || type == Type::kDouble || type == Type::kTimestamp;
  const bool pointer = type != Type::kNull && type != Type::kBool && !numeric;
  if ((word & ~used) != 0 || (!numeric && number != 0)) {
    return Fail("bits that belong to no field", at);
  }
  if (ref.HasPointer(kValueContentPointer) != pointer ||
      ref.HasPointer(kValueNamePointer) != named) {
    return Fail("a value without its content or name, or with one too many", at);
  }
  return true;
}

bool Validator::ValuePointers(const StructRef& ref, bool named, std::uint32_t depth) {
  if (named && !Bytes(PositionOf(ref.PointerAt(kValueNamePointer)), /*text=*/true)) return false;
  if (!ref.HasPointer(kValueContentPointer)) return true;
  const std::size_t at = PositionOf(ref.PointerAt(kValueContentPointer));
  switch (static_cast<Type>(ref.Word(0) & 0xFFFF)) {
    case Type::kString:
      return Bytes(at, /*text=*/true);
    case Type::kBytes:
      return Bytes(at, /*text=*/false);
    case Type::kUuid: {
      std::string_view bytes;
      if (!TakeBytes(at, /*text=*/false, &bytes)) return false;
      return bytes.size() == 16 || Fail("a uuid that is not one", at);
    }
    case Type::kArray:
      return Values(at, /*named=*/false, depth + 1);
    case Type::kObject:
      return Values(at, /*named=*/true, depth + 1);
    default:
      AURORA_CHECK(false);
  }
}

bool Validator::SingleValue(std::size_t at, std::uint32_t depth) {
  StructRef ref;
  return TakeStruct(at, {kValueDataWords, kValuePointers}, &ref) &&
         ValueBody(ref, /*named=*/false) && ValuePointers(ref, /*named=*/false, depth);
}

bool Validator::Values(std::size_t at, bool named, std::uint32_t depth) {
  std::size_t first;
  StructSize size;
  std::uint32_t count;
  if (!CheckDepth(at, depth) ||
      !TakeStructs(at, {kValueDataWords, kValuePointers}, &first, &size, &count)) {
    return false;
  }
  if (size.words() == 0) return count == 0 || !named || Fail("members without names", at);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!ValueBody(RefAt(first + StepOf(size) * i, size), named)) return false;
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!ValuePointers(RefAt(first + StepOf(size) * i, size), named, depth)) return false;
  }
  return true;
}

}  // namespace
}  // namespace internal

absl::Status ValidateDocument(std::string_view bytes, const Layout& layout) {
  return internal::Validator(bytes).Document(layout.root());
}

absl::Status ValidateValueMessage(std::string_view bytes) {
  return internal::Validator(bytes).Value();
}

}  // namespace aurora
