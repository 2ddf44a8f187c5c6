#include "aurora/engine/document/struct_reader.h"

#include "aurora/runtime/check.h"

namespace aurora::internal {
namespace {

StructRef ToStructRef(const ObjectRef& ref) {
  return {static_cast<const std::uint8_t*>(ref.data), (ref.detail & 0xFFFF) * kWordBytes,
          ref.detail >> 16};
}

// The elements of a composite list: `data` is the first, `detail` as of an ObjectRef.
StructRef ElementOf(const void* data, std::uint32_t detail, std::uint32_t index) {
  const std::uint32_t data_bytes = (detail & 0xFFFF) * kWordBytes;
  const std::uint32_t pointers = detail >> 16;
  const std::uint64_t step = data_bytes + std::uint64_t{pointers} * kWordBytes;
  return {static_cast<const std::uint8_t*>(data) + index * step, data_bytes, pointers};
}

class ValueArraySource final : public ArraySource {
 public:
  ValueView Item(const ArrayRef& ref, std::uint32_t index) const override {
    return ReadValueStruct(ElementOf(ref.data, ref.detail, index));
  }
};

class ValueObjectSource final : public ObjectSource {
 public:
  std::uint32_t Next(const ObjectRef&, std::uint32_t position) const override { return position; }
  MemberView Member(const ObjectRef& ref, std::uint32_t position) const override {
    const StructRef element = ElementOf(ref.data, ref.detail, position);
    return {FollowText(element.PointerAt(kValueNamePointer)), ReadValueStruct(element)};
  }
  std::size_t Size(const ObjectRef& ref) const override { return ref.count; }
  std::optional<ValueView> Find(const ObjectRef& ref, std::string_view name) const override {
    for (std::uint32_t i = 0; i < ref.count; ++i) {
      const StructRef element = ElementOf(ref.data, ref.detail, i);
      if (FollowText(element.PointerAt(kValueNamePointer)) == name) return ReadValueStruct(element);
    }
    return std::nullopt;
  }
};

// `data` is the first element.
class BoolListSource final : public ArraySource {
 public:
  ValueView Item(const ArrayRef& ref, std::uint32_t index) const override {
    const auto* bytes = static_cast<const std::uint8_t*>(ref.data);
    return (bytes[index / 8] >> (index % 8) & 1) != 0;
  }
};

template <class Convert>
class WordListSource final : public ArraySource {
 public:
  ValueView Item(const ArrayRef& ref, std::uint32_t index) const override {
    const auto* bytes = static_cast<const std::uint8_t*>(ref.data);
    return Convert()(LoadWord(bytes + std::size_t{index} * kWordBytes));
  }
};
struct ToInt64 {
  ValueView operator()(std::uint64_t word) const { return static_cast<std::int64_t>(word); }
};
struct ToDouble {
  ValueView operator()(std::uint64_t word) const { return std::bit_cast<double>(word); }
};
struct ToTimestamp {
  ValueView operator()(std::uint64_t word) const {
    return Timestamp{static_cast<std::int64_t>(word)};
  }
};

class UuidListSource final : public ArraySource {
 public:
  ValueView Item(const ArrayRef& ref, std::uint32_t index) const override {
    const StructRef element = ElementOf(ref.data, ref.detail, index);
    return Uuid::FromHalves(element.Word(0), element.Word(kWordBytes));
  }
};

class TextListSource final : public ArraySource {
 public:
  ValueView Item(const ArrayRef& ref, std::uint32_t index) const override {
    return FollowText(static_cast<const std::uint8_t*>(ref.data) + std::size_t{index} * kWordBytes);
  }
};

class DataListSource final : public ArraySource {
 public:
  ValueView Item(const ArrayRef& ref, std::uint32_t index) const override {
    return ValueView::OfBytes(
        FollowBytes(static_cast<const std::uint8_t*>(ref.data) + std::size_t{index} * kWordBytes));
  }
};

constexpr ValueArraySource kValueArraySource;
constexpr ValueObjectSource kValueObjectSource;
constexpr BoolListSource kBoolListSource;
constexpr WordListSource<ToInt64> kInt64ListSource;
constexpr WordListSource<ToDouble> kDoubleListSource;
constexpr WordListSource<ToTimestamp> kTimestampListSource;
constexpr UuidListSource kUuidListSource;
constexpr TextListSource kTextListSource;
constexpr DataListSource kDataListSource;

const ArraySource* SourceOf(ItemStorage item, const StructLayout* child) {
  switch (item) {
    case ItemStorage::kBool:
      return &kBoolListSource;
    case ItemStorage::kInt64:
      return &kInt64ListSource;
    case ItemStorage::kDouble:
      return &kDoubleListSource;
    case ItemStorage::kTimestamp:
      return &kTimestampListSource;
    case ItemStorage::kUuid:
      return &kUuidListSource;
    case ItemStorage::kText:
      return &kTextListSource;
    case ItemStorage::kData:
      return &kDataListSource;
    case ItemStorage::kAny:
      return &kValueArraySource;
    case ItemStorage::kStruct:
      return child->item_source();
  }
  AURORA_CHECK(false);
}

// The list that the pointer at `at` points to.
template <class Source>
ContainerRef<Source> ReadList(const std::uint8_t* at, const Source* source, std::uint32_t version) {
  const std::uint64_t pointer = LoadWord(at);
  ContainerRef<Source> ref{.source = source, .data = Target(at, pointer), .version = version};
  if (ListElementSize(pointer) == ElementSize::kComposite) {
    const std::uint64_t tag = LoadWord(ref.data);
    ref.data = static_cast<const std::uint8_t*>(ref.data) + kWordBytes;
    ref.count = TagCount(tag);
    ref.detail = static_cast<std::uint32_t>(tag >> 32);
  } else {
    ref.count = ListCount(pointer);
  }
  return ref;
}

bool IsOlderThanField(const StructLayout& layout, FieldSlot slot, std::uint32_t version) {
  return version < layout.field(slot).schema.added_in;
}

}  // namespace

ValueView ReadValueStruct(const StructRef& ref) {
  const auto type = static_cast<Type>(ref.Word(0) & 0xFFFF);
  const std::uint8_t* content = ref.PointerAt(kValueContentPointer);
  switch (type) {
    case Type::kNull:
      return ValueView();
    case Type::kBool:
      return ref.Bit(kValueBoolBit);
    case Type::kInt64:
      return static_cast<std::int64_t>(ref.Word(kValueNumberOffset));
    case Type::kDouble:
      return std::bit_cast<double>(ref.Word(kValueNumberOffset));
    case Type::kTimestamp:
      return Timestamp{static_cast<std::int64_t>(ref.Word(kValueNumberOffset))};
    case Type::kString:
      return FollowText(content);
    case Type::kBytes:
      return ValueView::OfBytes(FollowBytes(content));
    case Type::kUuid: {
      Uuid uuid;
      const std::string_view bytes = FollowBytes(content);
      AURORA_DCHECK(bytes.size() == uuid.bytes.size());
      std::memcpy(uuid.bytes.data(), bytes.data(), uuid.bytes.size());
      return uuid;
    }
    case Type::kArray:
      return ReadValueArray(content);
    case Type::kObject:
      return ReadValueObject(content);
  }
  AURORA_CHECK(false);
}

ArrayView ReadValueArray(const std::uint8_t* at) {
  return ArrayView(ReadList<ArraySource>(at, &kValueArraySource, 0));
}

ObjectView ReadValueObject(const std::uint8_t* at) {
  return ObjectView(ReadList<ObjectSource>(at, &kValueObjectSource, 0));
}

ValueView ReadId(const StructRef& root) {
  switch (static_cast<IdKind>(root.Word(kIdKindByte) & 0xFF)) {
    case IdKind::kNone:
      return ValueView();
    case IdKind::kUuid:
      return Uuid::FromHalves(root.Word(kIdHighOffset), root.Word(kIdLowOffset));
    case IdKind::kInt64:
      return static_cast<std::int64_t>(root.Word(kIdLowOffset));
    case IdKind::kString:
      return FollowText(root.PointerAt(kIdTextPointer));
  }
  AURORA_CHECK(false);
}

ValueView ReadPointerField(const StructRef& ref, const StructLayout& layout, FieldSlot slot,
                           std::uint32_t version) {
  const FieldAccess& access = layout.access(slot);
  const std::uint8_t* at = ref.PointerAt(access.offset);
  const StructLayout* child = layout.field(slot).child.get();
  switch (access.storage) {
    case Storage::kText:
      return FollowText(at);
    case Storage::kData:
      return ValueView::OfBytes(FollowBytes(at));
    case Storage::kAny:
      return ReadValueStruct(FollowStruct(at));
    case Storage::kFreeObject:
      return ReadValueObject(at);
    case Storage::kStruct:
      return ReadStruct(FollowStruct(at), *child, version);
    case Storage::kList:
      return ArrayView(ReadList(at, SourceOf(access.item, child), version));
    default:
      AURORA_CHECK(false);
  }
}

std::optional<ValueView> ReadUnsetField(const StructRef& ref, const StructLayout& layout,
                                        FieldSlot slot, std::uint32_t version) {
  const FieldAccess& access = layout.access(slot);
  if (ref.Bit(access.null_bit)) return ValueView();
  if (access.has_initial && IsOlderThanField(layout, slot, version)) {
    return ValueView(*layout.field(slot).initial_value);
  }
  return std::nullopt;
}

ObjectView ReadUndeclared(const StructRef& ref, const StructLayout& layout) {
  if (!layout.undeclared_slot().has_value()) return ObjectView();
  const std::uint32_t index = layout.access(*layout.undeclared_slot()).offset;
  if (!ref.HasPointer(index)) return ObjectView();
  return ReadValueObject(ref.PointerAt(index));
}

ObjectView ReadStruct(const StructRef& ref, const StructLayout& layout, std::uint32_t version) {
  const auto undeclared = static_cast<std::uint32_t>(ReadUndeclared(ref, layout).size());
  return ObjectView(ToObjectRef(ref, layout, version, 1 + layout.slot_count() + undeclared));
}

std::optional<ValueView> ReadMember(const StructRef& ref, const StructLayout& layout,
                                    std::string_view name, std::uint32_t version) {
  if (const auto slot = layout.Find(name); slot.has_value()) {
    return ReadField(ref, layout, *slot, version);
  }
  if (layout.outermost() && name == kIdFieldName) {
    const ValueView id = ReadId(ref);
    return id.is_null() ? std::nullopt : std::optional<ValueView>(id);
  }
  return ReadUndeclared(ref, layout).Find(name);
}

std::uint32_t StructLayout::Next(const ObjectRef& ref, std::uint32_t position) const {
  const StructRef self = ToStructRef(ref);
  if (position == 0) {
    if (outermost_ && !ReadId(self).is_null()) return 0;
    position = 1;
  }
  for (; position <= slot_count(); ++position) {
    const FieldSlot slot = position - 1;
    if (slot == undeclared_slot_ || fields_[slot].schema.dropped()) continue;
    if (ReadField(self, *this, slot, ref.version).has_value()) return position;
  }
  return position;
}

MemberView StructLayout::Member(const ObjectRef& ref, std::uint32_t position) const {
  const StructRef self = ToStructRef(ref);
  if (position == 0) return {kIdFieldName, ReadId(self)};
  if (position > slot_count()) {
    const ObjectView undeclared = ReadUndeclared(self, *this);
    return *ObjectView::Iterator(undeclared.ref(), position - 1 - slot_count());
  }
  const FieldSlot slot = position - 1;
  return {fields_[slot].schema.name, *ReadField(self, *this, slot, ref.version)};
}

std::size_t StructLayout::Size(const ObjectRef& ref) const {
  std::size_t size = 0;
  for (std::uint32_t position = Next(ref, 0); position <= slot_count();
       position = Next(ref, position + 1)) {
    ++size;
  }
  return size + (ref.count - 1 - slot_count());
}

std::optional<ValueView> StructLayout::Find(const ObjectRef& ref, std::string_view name) const {
  return ReadMember(ToStructRef(ref), *this, name, ref.version);
}

ValueView StructLayout::ItemSource::Item(const ArrayRef& ref, std::uint32_t index) const {
  return ReadStruct(ElementOf(ref.data, ref.detail, index), *layout_, ref.version);
}

}  // namespace aurora::internal
