#include "aurora/engine/document/layout.h"

#include <algorithm>
#include <utility>

#include "aurora/runtime/status.h"

namespace aurora {
namespace internal {
namespace {

constexpr std::uint32_t kSectionWordsMax = 0xFFFF;
constexpr int kLogWordBits = 6;

// Gives out places in a struct as the Cap'n Proto compiler does: data of 2^k bits at a multiple of
// its size, in the first hole of that size, else in half of a larger one, else in a new word at the
// end.
class PlaceAllocator {
 public:
  // In units of 2^log_bits bits.
  std::uint32_t AllocateData(int log_bits) {
    AURORA_DCHECK(log_bits >= 0 && log_bits <= kLogWordBits);
    if (log_bits == kLogWordBits) return words_++;
    if (const std::uint32_t hole = TakeHole(log_bits); hole != 0) return hole;
    const std::uint32_t offset = words_++ << (kLogWordBits - log_bits);
    // Of the rest of the new word, one hole of each smaller size remains.
    std::uint32_t free = offset + 1;
    for (int size = log_bits; size < kLogWordBits; ++size) {
      holes_[size] = free;
      free = (free + 1) / 2;
    }
    return offset;
  }

  std::uint32_t AllocatePointer() { return pointers_++; }

  std::uint32_t words() const { return words_; }
  std::uint32_t pointers() const { return pointers_; }

 private:
  // 0 if there is none: no hole is at the start of the section.
  std::uint32_t TakeHole(int log_bits) {
    if (log_bits >= kLogWordBits) return 0;
    if (holes_[log_bits] != 0) return std::exchange(holes_[log_bits], 0);
    const std::uint32_t larger = TakeHole(log_bits + 1);
    if (larger == 0) return 0;
    holes_[log_bits] = larger * 2 + 1;
    return larger * 2;
  }

  std::uint32_t words_ = 0;
  std::uint32_t pointers_ = 0;
  std::uint32_t holes_[kLogWordBits] = {};
};

Storage StorageOf(const FieldSchema& field) {
  if (!field.type.has_value()) return Storage::kAny;
  switch (*field.type) {
    case Type::kBool:
      return Storage::kBool;
    case Type::kInt64:
      return Storage::kInt64;
    case Type::kDouble:
      return Storage::kDouble;
    case Type::kTimestamp:
      return Storage::kTimestamp;
    case Type::kUuid:
      return Storage::kUuid;
    case Type::kString:
      return Storage::kText;
    case Type::kBytes:
      return Storage::kData;
    case Type::kArray:
      return Storage::kList;
    case Type::kObject:
      return field.object == nullptr ? Storage::kFreeObject : Storage::kStruct;
    case Type::kNull:
      break;
  }
  AURORA_CHECK(false);
}

ItemStorage ItemStorageOf(const FieldSchema& field) {
  if (!field.item_type.has_value()) return ItemStorage::kAny;
  switch (*field.item_type) {
    case Type::kBool:
      return ItemStorage::kBool;
    case Type::kInt64:
      return ItemStorage::kInt64;
    case Type::kDouble:
      return ItemStorage::kDouble;
    case Type::kTimestamp:
      return ItemStorage::kTimestamp;
    case Type::kUuid:
      return ItemStorage::kUuid;
    case Type::kString:
      return ItemStorage::kText;
    case Type::kBytes:
      return ItemStorage::kData;
    case Type::kObject:
      return field.object == nullptr ? ItemStorage::kAny : ItemStorage::kStruct;
    case Type::kArray:
      return ItemStorage::kAny;
    case Type::kNull:
      break;
  }
  AURORA_CHECK(false);
}

// A default is kept in the field's own type, so that a reader shows it as if it were stored.
Value InTypeOf(const FieldSchema& field, const Value& value) {
  if (field.type == Type::kDouble && value.type() == Type::kInt64) {
    return static_cast<double>(value.AsInt64());
  }
  if (field.type == Type::kArray && field.item_type == Type::kDouble && !value.is_null()) {
    Array doubles;
    for (const ValueView& item : ArrayView(value.AsArray())) doubles.Append(item.ToDouble());
    return doubles;
  }
  return value;
}

// Reserves the places of one field and notes the bits that it uses.
FieldAccess Place(const FieldSchema& field, PlaceAllocator* places) {
  FieldAccess access;
  access.storage = StorageOf(field);
  if (access.storage == Storage::kList) access.item = ItemStorageOf(field);
  if (IsPointer(access.storage)) {
    access.offset = places->AllocatePointer();
  } else if (access.storage == Storage::kBool) {
    access.offset = places->AllocateData(0);
  } else {
    access.offset = places->AllocateData(kLogWordBits) * kWordBytes;
    if (access.storage == Storage::kUuid) {
      const std::uint32_t low = places->AllocateData(kLogWordBits) * kWordBytes;
      AURORA_CHECK(low == access.offset + kWordBytes);
    }
  }
  access.set_bit = places->AllocateData(0);
  access.null_bit = places->AllocateData(0);
  access.has_initial = field.initial.has_value();
  return access;
}

void MarkBit(std::uint32_t bit, std::vector<std::uint64_t>* used) {
  const std::uint32_t word = bit / 64;
  if (used->size() <= word) used->resize(word + 1);
  (*used)[word] |= std::uint64_t{1} << (bit % 64);
}

void MarkWord(std::uint32_t word, std::vector<std::uint64_t>* used) {
  if (used->size() <= word) used->resize(word + 1);
  (*used)[word] = ~std::uint64_t{0};
}

void MarkUsed(const FieldAccess& access, std::vector<std::uint64_t>* used) {
  if (access.storage == Storage::kBool) {
    MarkBit(access.offset, used);
  } else if (!IsPointer(access.storage)) {
    MarkWord(access.offset / kWordBytes, used);
    if (access.storage == Storage::kUuid) MarkWord(access.offset / kWordBytes + 1, used);
  }
  MarkBit(access.set_bit, used);
  MarkBit(access.null_bit, used);
}

absl::StatusOr<FieldLayout> MakeField(const FieldSchema& schema) {
  FieldLayout field;
  field.schema = schema;
  AURORA_ASSIGN_OR_RETURN(field.rules, FieldRules::Compile(schema.attributes));
  if (schema.attributes.default_value.has_value()) {
    field.default_value = InTypeOf(schema, *schema.attributes.default_value);
  }
  if (schema.initial.has_value()) field.initial_value = InTypeOf(schema, *schema.initial);
  if (schema.object != nullptr) {
    AURORA_ASSIGN_OR_RETURN(field.child, StructLayout::Create(*schema.object, /*outermost=*/false));
  }
  return field;
}

// The id: high, low, text, kind. The kind takes a byte at the start of the third word.
void PlaceId(PlaceAllocator* places, std::vector<std::uint64_t>* used) {
  const std::uint32_t high = places->AllocateData(kLogWordBits);
  const std::uint32_t low = places->AllocateData(kLogWordBits);
  const std::uint32_t text = places->AllocatePointer();
  const std::uint32_t kind = places->AllocateData(3);
  AURORA_CHECK(high * kWordBytes == kIdHighOffset && low * kWordBytes == kIdLowOffset);
  AURORA_CHECK(text == kIdTextPointer && kind == kIdKindByte);
  MarkWord(high, used);
  MarkWord(low, used);
  for (std::uint32_t bit = 0; bit < 8; ++bit) MarkBit(kind * 8 + bit, used);
}

}  // namespace

absl::StatusOr<std::unique_ptr<const StructLayout>> StructLayout::Create(const Schema& schema,
                                                                         bool outermost) {
  auto layout = std::unique_ptr<StructLayout>(new StructLayout);
  layout->outermost_ = outermost;
  layout->open_ = schema.open();
  layout->access_.resize(schema.next_id());
  layout->fields_.resize(schema.next_id());
  PlaceAllocator places;
  std::uint32_t ordinal = 0;
  if (outermost) {
    PlaceId(&places, &layout->used_bits_);
    ordinal = kIdOrdinals;
    layout->pointer_slots_.push_back(0);
  }
  auto next_field = schema.fields().begin();
  for (FieldSlot slot = 0; slot < schema.next_id(); ++slot) {
    if (slot == schema.open_id()) {
      layout->undeclared_slot_ = slot;
      layout->undeclared_ordinal_ = ordinal++;
      layout->access_[slot].offset = places.AllocatePointer();
      layout->pointer_slots_.push_back(slot);
      continue;
    }
    AURORA_CHECK(next_field != schema.fields().end() && next_field->id == slot);
    const FieldSchema& field = *next_field++;
    FieldAccess& access = layout->access_[slot];
    access = Place(field, &places);
    MarkUsed(access, &layout->used_bits_);
    if (IsPointer(access.storage)) layout->pointer_slots_.push_back(slot);
    AURORA_ASSIGN_OR_RETURN(layout->fields_[slot], MakeField(field));
    layout->fields_[slot].ordinal = ordinal;
    ordinal += access.storage == Storage::kUuid ? 4 : 3;
    if (field.dropped()) continue;
    layout->by_name_.emplace(field.name, slot);
    if (field.attributes.Has(kRequired) || field.attributes.default_value.has_value()) {
      layout->attended_slots_.push_back(slot);
    }
  }
  if (places.words() > kSectionWordsMax || places.pointers() > kSectionWordsMax) {
    return ResourceExhaustedError("the schema's fields need ", places.words(), " words and ",
                                  places.pointers(), " pointers; the limit is ", kSectionWordsMax);
  }
  layout->data_words_ = places.words();
  layout->pointers_ = places.pointers();
  layout->used_bits_.resize(places.words());
  AURORA_CHECK(layout->pointer_slots_.size() == places.pointers());
  return layout;
}

std::optional<FieldSlot> StructLayout::Find(std::string_view name) const {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return std::nullopt;
  return found->second;
}

}  // namespace internal

absl::StatusOr<std::shared_ptr<const Layout>> Layout::Create(const Schema& schema) {
  AURORA_RETURN_IF_ERROR(schema.Validate());
  auto layout = std::shared_ptr<Layout>(new Layout);
  layout->schema_ = schema;
  AURORA_ASSIGN_OR_RETURN(layout->root_,
                          internal::StructLayout::Create(schema, /*outermost=*/true));
  return layout;
}

}  // namespace aurora
