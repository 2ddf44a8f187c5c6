#include "aurora/engine/document/value.h"

#include <algorithm>
#include <limits>

#include "aurora/runtime/strings.h"

namespace aurora {
namespace {

// Up to this many members a scan over the names is quicker than a hash.
constexpr std::size_t kIndexAbove = 16;
constexpr std::size_t kNotFound = static_cast<std::size_t>(-1);

std::uint32_t Count(std::size_t size) {
  AURORA_CHECK(size <= std::numeric_limits<std::uint32_t>::max());
  return static_cast<std::uint32_t>(size);
}

// `data` is the first Value.
class OwnedArraySource final : public internal::ArraySource {
 public:
  ValueView Item(const internal::ArrayRef& ref, std::uint32_t index) const override {
    return static_cast<const Value*>(ref.data)[index];
  }
};

// `data` is the Object.
class OwnedObjectSource final : public internal::ObjectSource {
 public:
  std::uint32_t Next(const internal::ObjectRef&, std::uint32_t position) const override {
    return position;
  }
  MemberView Member(const internal::ObjectRef& ref, std::uint32_t position) const override {
    const Object::Member& member = Get(ref).begin()[position];
    return {member.name, member.value};
  }
  std::size_t Size(const internal::ObjectRef& ref) const override { return Get(ref).size(); }
  std::optional<ValueView> Find(const internal::ObjectRef& ref,
                                std::string_view name) const override {
    const Value* value = Get(ref).Find(name);
    if (value == nullptr) return std::nullopt;
    return *value;
  }

 private:
  static const Object& Get(const internal::ObjectRef& ref) {
    return *static_cast<const Object*>(ref.data);
  }
};

constexpr OwnedArraySource kOwnedArraySource;
constexpr OwnedObjectSource kOwnedObjectSource;

}  // namespace

struct Object::Index {
  StringMap<std::size_t> positions;
};

Array::Array() = default;
Array::Array(std::initializer_list<Value> items) : items_(items) {}
Array::Array(std::vector<Value> items) : items_(std::move(items)) {}
Array::Array(const Array&) = default;
Array::Array(Array&&) noexcept = default;
Array& Array::operator=(const Array&) = default;
Array& Array::operator=(Array&&) noexcept = default;
Array::~Array() = default;

const Value& Array::operator[](std::size_t index) const {
  AURORA_CHECK(index < items_.size());
  return items_[index];
}

Value& Array::operator[](std::size_t index) {
  AURORA_CHECK(index < items_.size());
  return items_[index];
}

void Array::Reserve(std::size_t count) { items_.reserve(count); }

Value& Array::Append(Value value) { return items_.emplace_back(std::move(value)); }

void Array::RemoveLast() {
  AURORA_CHECK(!items_.empty());
  items_.pop_back();
}

void Array::Clear() { items_.clear(); }

Array::operator ArrayView() const {
  return ArrayView(internal::ArrayRef{
      .source = &kOwnedArraySource, .data = items_.data(), .count = Count(items_.size())});
}

Object::Object() = default;
Object::Object(std::initializer_list<Member> members) : members_(members) { BuildIndex(); }
Object::Object(const Object& other) : members_(other.members_) { BuildIndex(); }
Object::Object(Object&&) noexcept = default;
Object& Object::operator=(const Object& other) {
  if (this != &other) *this = Object(other);
  return *this;
}
Object& Object::operator=(Object&&) noexcept = default;
Object::~Object() = default;

void Object::BuildIndex() {
  index_.reset();
  if (members_.size() <= kIndexAbove) return;
  index_ = std::make_unique<Index>();
  index_->positions.reserve(members_.size());
  // Of a name that comes twice the first counts, as in a scan.
  for (std::size_t i = 0; i < members_.size(); ++i) {
    index_->positions.try_emplace(members_[i].name, i);
  }
}

std::size_t Object::Position(std::string_view name) const {
  if (index_ != nullptr) {
    const auto found = index_->positions.find(name);
    return found == index_->positions.end() ? kNotFound : found->second;
  }
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (members_[i].name == name) return i;
  }
  return kNotFound;
}

const Value* Object::Find(std::string_view name) const {
  const std::size_t position = Position(name);
  return position == kNotFound ? nullptr : &members_[position].value;
}

Value* Object::Find(std::string_view name) {
  return const_cast<Value*>(std::as_const(*this).Find(name));
}

bool Object::Add(std::string name, Value value) {
  if (Contains(name)) return false;
  members_.emplace_back(std::move(name), std::move(value));
  if (index_ != nullptr) {
    index_->positions.emplace(members_.back().name, members_.size() - 1);
  } else {
    BuildIndex();
  }
  return true;
}

Value& Object::Set(std::string_view name, Value value) {
  if (Value* present = Find(name); present != nullptr) {
    *present = std::move(value);
    return *present;
  }
  const bool added = Add(std::string(name), std::move(value));
  AURORA_CHECK(added);
  return members_.back().value;
}

bool Object::Remove(std::string_view name) {
  const std::size_t position = Position(name);
  if (position == kNotFound) return false;
  members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(position));
  BuildIndex();
  return true;
}

void Object::Reserve(std::size_t count) { members_.reserve(count); }

void Object::Clear() {
  members_.clear();
  index_.reset();
}

std::optional<std::string_view> Object::FirstDuplicate() const {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (Position(members_[i].name) != i) return members_[i].name;
  }
  return std::nullopt;
}

Object::operator ObjectView() const {
  return ObjectView(internal::ObjectRef{
      .source = &kOwnedObjectSource, .data = this, .count = Count(members_.size())});
}

Value::Value(std::initializer_list<Object::Member> members) : rep_(Object(members)) {}

void Value::Assign(const ValueView& view) {
  switch (view.type()) {
    case Type::kNull:
      break;
    case Type::kBool:
      rep_ = view.AsBool();
      break;
    case Type::kInt64:
      rep_ = view.AsInt64();
      break;
    case Type::kDouble:
      rep_ = view.AsDouble();
      break;
    case Type::kString:
      rep_ = std::string(view.AsString());
      break;
    case Type::kBytes:
      rep_ = Bytes{std::string(view.AsBytes())};
      break;
    case Type::kUuid:
      rep_ = view.AsUuid();
      break;
    case Type::kTimestamp:
      rep_ = view.AsTimestamp();
      break;
    case Type::kArray: {
      Array array;
      array.Reserve(view.AsArray().size());
      for (const ValueView& item : view.AsArray()) array.Append(Value(item));
      rep_ = std::move(array);
      break;
    }
    case Type::kObject: {
      Object object;
      for (const MemberView& member : view.AsObject()) {
        object.Set(member.name, Value(member.value));
      }
      rep_ = std::move(object);
      break;
    }
  }
  AURORA_DCHECK(type() == view.type());
}

Value::operator ValueView() const {
  switch (type()) {
    case Type::kNull:
      return ValueView();
    case Type::kBool:
      return AsBool();
    case Type::kInt64:
      return AsInt64();
    case Type::kDouble:
      return AsDouble();
    case Type::kString:
      return AsString();
    case Type::kBytes:
      return ValueView::OfBytes(AsBytes().data);
    case Type::kUuid:
      return AsUuid();
    case Type::kTimestamp:
      return AsTimestamp();
    case Type::kArray:
      return ArrayView(AsArray());
    case Type::kObject:
      return ObjectView(AsObject());
  }
  AURORA_CHECK(false);
}

}  // namespace aurora
