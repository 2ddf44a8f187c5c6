// A value that owns what it holds: what a program builds to insert, and what it keeps of what it
// read.
//
//   Object lamp = {{"sku", "A-1"}, {"price", 39.5}, {"in_stock", true},
//                  {"tags", Array{"brass", "desk"}},
//                  {"maker", {{"name", "Lumen"}, {"city", "Bern"}}}};
//
// A braced list of {name, value} pairs is an object, everywhere; an array is written Array{...}.
//
// Thread-safety: like a std::vector. Copying is deep. Comparing is value_view.h's Compare, so
// Value(1) == Value(1.0) and the order of members does not matter. Destruction, copying and
// comparing use stack in proportion to the depth; everything in Aurora that builds values from
// outside data bounds the depth (limits.h).
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "aurora/engine/document/timestamp.h"
#include "aurora/engine/document/uuid.h"
#include "aurora/engine/document/value_view.h"
#include "aurora/runtime/check.h"

namespace aurora {

class Value;

// Bytes that are not text. (A string is UTF-8.)
struct Bytes {
  std::string data;
};

class Array {
 public:
  Array();
  // Compilers differ in whether Array{x} with an Array x is a copy of x or holds it: write
  // Array{Value(x)} for an array whose one item is an array.
  Array(std::initializer_list<Value> items);
  explicit Array(std::vector<Value> items);
  // One item for each element of a range of things that a Value can be made of.
  template <class Iterator>
  Array(Iterator begin, Iterator end);

  Array(const Array&);
  Array(Array&&) noexcept;
  Array& operator=(const Array&);
  Array& operator=(Array&&) noexcept;
  ~Array();

  std::size_t size() const;
  bool empty() const { return size() == 0; }
  // index < size().
  const Value& operator[](std::size_t index) const;
  Value& operator[](std::size_t index);
  const Value* begin() const;
  const Value* end() const;
  Value* begin();
  Value* end();
  void Reserve(std::size_t count);
  // The new item, valid until the next change.
  Value& Append(Value value);
  // The last item; the array is not empty.
  void RemoveLast();
  void Clear();

  operator ArrayView() const [[clang::lifetimebound]];

 private:
  std::vector<Value> items_;
};

// Members in insertion order, looked up by name: linear up to 16 members, by hash above.
class Object {
 public:
  struct Member;

  Object();
  // Keeps what it is given, also a name that comes twice: FirstDuplicate tells, and no document is
  // ever made of such an object.
  Object(std::initializer_list<Member> members);

  Object(const Object&);
  Object(Object&&) noexcept;
  Object& operator=(const Object&);
  Object& operator=(Object&&) noexcept;
  ~Object();

  std::size_t size() const;
  bool empty() const { return size() == 0; }
  const Member* begin() const;
  const Member* end() const;
  // The value of `name`, or nullptr. Valid until the next change.
  const Value* Find(std::string_view name) const;
  Value* Find(std::string_view name);
  bool Contains(std::string_view name) const { return Find(name) != nullptr; }

  // Adds a member at the end. False, and nothing changes, if the name is there already.
  [[nodiscard]] bool Add(std::string name, Value value);
  // Replaces the member, or adds it at the end. The value, valid until the next change.
  Value& Set(std::string_view name, Value value);
  // True if there was such a member. Linear.
  bool Remove(std::string_view name);
  void Reserve(std::size_t count);
  void Clear();

  // A name that two members have, if there is one.
  std::optional<std::string_view> FirstDuplicate() const;

  operator ObjectView() const [[clang::lifetimebound]];

 private:
  struct Index;

  std::size_t Position(std::string_view name) const;
  void BuildIndex();

  std::vector<Member> members_;
  std::unique_ptr<Index> index_;  // from name to position; only above kIndexAbove members
};

class Value {
 public:
  Value() = default;
  Value(std::nullptr_t) {}
  template <std::same_as<bool> T>
  Value(T value) : rep_(value) {}
  // Any integer but a 64-bit unsigned one, which int64 cannot hold: convert that yourself.
  template <internal::ExactInteger T>
  Value(T value) : rep_(static_cast<std::int64_t>(value)) {}
  template <std::floating_point T>
    requires(sizeof(T) <= sizeof(double))
  Value(T value) : rep_(static_cast<double>(value)) {}
  // Templates, so that a braced list is none of these: {{"a", 1}} would do for most of them.
  template <class T>
    requires(std::same_as<T, std::string> || std::same_as<T, Bytes> || std::same_as<T, Uuid> ||
             std::same_as<T, Timestamp> || std::same_as<T, Array> || std::same_as<T, Object>)
  Value(T value) : rep_(std::move(value)) {}
  template <class T>
    requires(std::same_as<T, std::string_view> || std::same_as<T, const char*> ||
             std::same_as<T, char*>)
  Value(T text) : rep_(std::string(text)) {}
  // An object: {{"name", "Lumen"}, {"city", "Bern"}}.
  Value(std::initializer_list<Object::Member> members);
  // A deep copy of what is seen.
  template <std::same_as<ValueView> T>
  explicit Value(const T& view) {
    Assign(view);
  }

  Type type() const { return static_cast<Type>(rep_.index()); }
  bool is_null() const { return type() == Type::kNull; }
  bool is_number() const { return type() == Type::kInt64 || type() == Type::kDouble; }

  // Each needs the type that it names (checked in every build).
  bool AsBool() const { return Get<bool>(); }
  std::int64_t AsInt64() const { return Get<std::int64_t>(); }
  double AsDouble() const { return Get<double>(); }
  const std::string& AsString() const { return Get<std::string>(); }
  const Bytes& AsBytes() const { return Get<Bytes>(); }
  const Uuid& AsUuid() const { return Get<Uuid>(); }
  Timestamp AsTimestamp() const { return Get<Timestamp>(); }
  const Array& AsArray() const { return Get<Array>(); }
  Array& AsArray() { return const_cast<Array&>(std::as_const(*this).AsArray()); }
  const Object& AsObject() const { return Get<Object>(); }
  Object& AsObject() { return const_cast<Object&>(std::as_const(*this).AsObject()); }

  operator ValueView() const [[clang::lifetimebound]];

  friend bool operator==(const Value& a, const Value& b) { return Equal(a, b); }

 private:
  void Assign(const ValueView& view);

  template <class T>
  const T& Get() const {
    const T* held = std::get_if<T>(&rep_);
    AURORA_CHECK(held != nullptr);
    return *held;
  }

  // In the order of Type.
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Bytes, Uuid, Timestamp,
               Array, Object>
      rep_;
};

struct Object::Member {
  Member(std::string member_name, Value member_value)
      : name(std::move(member_name)), value(std::move(member_value)) {}

  std::string name;
  Value value;
};

template <class Iterator>
Array::Array(Iterator begin, Iterator end) : items_(begin, end) {}

inline std::size_t Array::size() const { return items_.size(); }
inline const Value* Array::begin() const { return items_.data(); }
inline const Value* Array::end() const { return items_.data() + items_.size(); }
inline Value* Array::begin() { return items_.data(); }
inline Value* Array::end() { return items_.data() + items_.size(); }

inline std::size_t Object::size() const { return members_.size(); }
inline const Object::Member* Object::begin() const { return members_.data(); }
inline const Object::Member* Object::end() const { return members_.data() + members_.size(); }

inline bool operator==(const Array& a, const Array& b) {
  return Equal(ValueView(ArrayView(a)), ValueView(ArrayView(b)));
}
inline bool operator==(const Object& a, const Object& b) {
  return Equal(ValueView(ObjectView(a)), ValueView(ObjectView(b)));
}

}  // namespace aurora
