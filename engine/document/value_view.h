// A value as one reads it: a view that owns nothing and copies nothing, whether what it looks at is
// a Value, a field of a stored document or an item of either. Arrays and objects are read lazily.
//
// Thread-safety: immutable; as safe as what it looks at. Lifetime: a view is valid while that lives
// and does not change. Cost: copying 40 bytes.
//
// The order of values (Compare):
//   null < bool < numbers < string < bytes < uuid < timestamp < array < object
//   * int64 and double are one kind, numbers, compared as the exact numbers that they are, beyond
//     2^53 too; -0 equals 0; NaN equals NaN and comes before every other number;
//   * strings and bytes compare as unsigned bytes, a proper prefix first; false comes before true;
//   * arrays compare item by item, a proper prefix first;
//   * objects compare as their members sorted by name do: name, then value, then the next member.
//   So
//     the order in which members were written makes no difference.
#pragma once

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "aurora/engine/document/timestamp.h"
#include "aurora/engine/document/uuid.h"
#include "aurora/runtime/check.h"

namespace aurora {

// The numbers are persisted, and give the order across types.
enum class Type : std::uint8_t {
  kNull = 0,
  kBool = 1,
  kInt64 = 2,
  kDouble = 3,
  kString = 4,
  kBytes = 5,
  kUuid = 6,
  kTimestamp = 7,
  kArray = 8,
  kObject = 9,
};
inline constexpr int kTypeCount = 10;

// "null", "bool", "int64", "double", "string", "bytes", "uuid", "timestamp", "array", "object".
std::string_view TypeName(Type type);
std::optional<Type> ParseTypeName(std::string_view name);

class ValueView;
struct MemberView;

namespace internal {

class ArraySource;
class ObjectSource;

// Where an array or an object is and how to read it. What `data`, `count`, `detail` and `version`
// mean is up to the source, except that `count` of an array is the number of its items.
template <class Source>
struct ContainerRef {
  const Source* source = nullptr;
  const void* data = nullptr;
  std::uint32_t count = 0;
  std::uint32_t detail = 0;
  std::uint32_t version = 0;
};
using ArrayRef = ContainerRef<ArraySource>;
using ObjectRef = ContainerRef<ObjectSource>;

// Reads the arrays of one representation.
class ArraySource {
 public:
  // index < ref.count.
  virtual ValueView Item(const ArrayRef& ref, std::uint32_t index) const = 0;

 protected:
  constexpr ArraySource() = default;
  ~ArraySource() = default;
};

// Reads the objects of one representation. Members are at positions below ref.count, not all of
// which need to hold one.
class ObjectSource {
 public:
  // The first position at or after `position` that holds a member; ref.count if there is none.
  virtual std::uint32_t Next(const ObjectRef& ref, std::uint32_t position) const = 0;
  // `position` was returned by Next.
  virtual MemberView Member(const ObjectRef& ref, std::uint32_t position) const = 0;
  virtual std::size_t Size(const ObjectRef& ref) const = 0;
  virtual std::optional<ValueView> Find(const ObjectRef& ref, std::string_view name) const = 0;

 protected:
  constexpr ObjectSource() = default;
  ~ObjectSource() = default;
};

// Integers that int64 holds in full. Characters are text, not numbers, and bool is itself.
template <class T>
concept ExactInteger =
    std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> &&
    !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> && !std::same_as<T, char16_t> &&
    !std::same_as<T, char32_t> && (std::signed_integral<T> || sizeof(T) < sizeof(std::int64_t)) &&
    sizeof(T) <= sizeof(std::int64_t);

}  // namespace internal

// A random-access range of ValueView.
class ArrayView {
 public:
  class Iterator;

  // The empty array.
  ArrayView() = default;
  explicit ArrayView(const internal::ArrayRef& ref) : ref_(ref) {}

  std::size_t size() const { return ref_.count; }
  bool empty() const { return ref_.count == 0; }
  // index < size().
  ValueView operator[](std::size_t index) const;
  Iterator begin() const;
  Iterator end() const;

 private:
  internal::ArrayRef ref_;
};

// A range of MemberView: in insertion order for objects that a user built, in the order of the
// schema for the declared fields of documents.
class ObjectView {
 public:
  class Iterator;

  // The empty object.
  ObjectView() = default;
  explicit ObjectView(const internal::ObjectRef& ref) : ref_(ref) {}

  // At most linear in the number of declared fields.
  std::size_t size() const { return ref_.source == nullptr ? 0 : ref_.source->Size(ref_); }
  bool empty() const;
  // The member `name`, null included; nullopt if there is none. At most linear in size(), constant
  // for declared fields.
  std::optional<ValueView> Find(std::string_view name) const;
  Iterator begin() const;
  Iterator end() const;
  const internal::ObjectRef& ref() const { return ref_; }

 private:
  internal::ObjectRef ref_;
};

class ValueView {
 public:
  ValueView() : type_(Type::kNull), integer_(0) {}
  ValueView(std::nullptr_t) : ValueView() {}
  template <std::same_as<bool> T>
  ValueView(T value) : type_(Type::kBool), bool_(value) {}
  template <internal::ExactInteger T>
  ValueView(T value) : type_(Type::kInt64), integer_(value) {}
  template <std::floating_point T>
    requires(sizeof(T) <= sizeof(double))
  ValueView(T value) : type_(Type::kDouble), double_(value) {}
  ValueView(std::string_view text) : ValueView(Type::kString, text) {}
  ValueView(const char* text) : ValueView(std::string_view(text)) {}
  ValueView(const std::string& text) : ValueView(std::string_view(text)) {}
  ValueView(const Uuid& uuid) : type_(Type::kUuid), uuid_(uuid) {}
  ValueView(Timestamp timestamp) : type_(Type::kTimestamp), integer_(timestamp.micros) {}
  ValueView(ArrayView array) : type_(Type::kArray), array_(array) {}
  ValueView(ObjectView object) : type_(Type::kObject), object_(object) {}
  static ValueView OfBytes(std::string_view bytes) { return ValueView(Type::kBytes, bytes); }

  Type type() const { return type_; }
  bool is_null() const { return type_ == Type::kNull; }
  // int64 or double.
  bool is_number() const { return type_ == Type::kInt64 || type_ == Type::kDouble; }

  // Each needs the type that it names (checked in every build).
  bool AsBool() const { return AURORA_CHECK(type_ == Type::kBool), bool_; }
  std::int64_t AsInt64() const { return AURORA_CHECK(type_ == Type::kInt64), integer_; }
  double AsDouble() const { return AURORA_CHECK(type_ == Type::kDouble), double_; }
  std::string_view AsString() const {
    return AURORA_CHECK(type_ == Type::kString), std::string_view(bytes_.data, bytes_.size);
  }
  std::string_view AsBytes() const {
    return AURORA_CHECK(type_ == Type::kBytes), std::string_view(bytes_.data, bytes_.size);
  }
  Uuid AsUuid() const { return AURORA_CHECK(type_ == Type::kUuid), uuid_; }
  Timestamp AsTimestamp() const {
    return AURORA_CHECK(type_ == Type::kTimestamp), Timestamp{integer_};
  }
  ArrayView AsArray() const { return AURORA_CHECK(type_ == Type::kArray), array_; }
  ObjectView AsObject() const { return AURORA_CHECK(type_ == Type::kObject), object_; }

  // A number as the nearest double; needs is_number().
  double ToDouble() const {
    return type_ == Type::kInt64 ? static_cast<double>(integer_) : AsDouble();
  }

 private:
  ValueView(Type type, std::string_view bytes)
      : type_(type), bytes_{.data = bytes.data(), .size = bytes.size()} {}

  Type type_;
  union {
    bool bool_;
    std::int64_t integer_;  // of kTimestamp too
    double double_;
    struct {
      const char* data;
      std::size_t size;
    } bytes_;  // of kString too
    Uuid uuid_;
    ArrayView array_;
    ObjectView object_;
  };
};

struct MemberView {
  std::string_view name;
  ValueView value;
};

class ArrayView::Iterator {
 public:
  using value_type = ValueView;
  using difference_type = std::ptrdiff_t;

  Iterator() = default;
  Iterator(const ArrayView& array, std::size_t index) : array_(array), index_(index) {}
  ValueView operator*() const { return array_[index_]; }
  Iterator& operator++() { return ++index_, *this; }
  Iterator operator++(int) { return Iterator(array_, index_++); }
  bool operator==(const Iterator& other) const { return index_ == other.index_; }

 private:
  ArrayView array_;
  std::size_t index_ = 0;
};

class ObjectView::Iterator {
 public:
  using value_type = MemberView;
  using difference_type = std::ptrdiff_t;

  Iterator() = default;
  Iterator(const internal::ObjectRef& ref, std::uint32_t position)
      : ref_(ref), position_(position) {}
  MemberView operator*() const { return ref_.source->Member(ref_, position_); }
  Iterator& operator++() { return position_ = ref_.source->Next(ref_, position_ + 1), *this; }
  Iterator operator++(int) {
    const Iterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const Iterator& other) const { return position_ == other.position_; }

 private:
  internal::ObjectRef ref_;
  std::uint32_t position_ = 0;
};

// The total order of the top of this file. Time and stack: linear in the smaller value and its
// depth.
std::strong_ordering Compare(const ValueView& a, const ValueView& b);
bool Equal(const ValueView& a, const ValueView& b);

// The exact comparison of numbers, for those who have them already.
std::strong_ordering CompareNumbers(double a, double b);
std::strong_ordering CompareNumbers(std::int64_t a, double b);

// For people: {"sku": "A-1", "price": 39.5, "id": uuid("0190163d-...")}. Doubles always show a
// point, an exponent, inf or nan. Cut, with "...", soon after `limit` bytes; control bytes are
// escaped.
std::string DebugString(const ValueView& value, std::size_t limit = 256);

inline ValueView ArrayView::operator[](std::size_t index) const {
  AURORA_CHECK(index < ref_.count);
  return ref_.source->Item(ref_, static_cast<std::uint32_t>(index));
}
inline ArrayView::Iterator ArrayView::begin() const { return Iterator(*this, 0); }
inline ArrayView::Iterator ArrayView::end() const { return Iterator(*this, size()); }

inline bool ObjectView::empty() const { return begin() == end(); }
inline std::optional<ValueView> ObjectView::Find(std::string_view name) const {
  if (ref_.source == nullptr) return std::nullopt;
  return ref_.source->Find(ref_, name);
}
inline ObjectView::Iterator ObjectView::begin() const {
  return Iterator(ref_, ref_.source == nullptr ? 0 : ref_.source->Next(ref_, 0));
}
inline ObjectView::Iterator ObjectView::end() const { return Iterator(ref_, ref_.count); }

}  // namespace aurora
