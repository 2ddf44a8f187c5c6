#include "aurora/engine/document/key_encoding.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora {
namespace {

enum Tag : std::uint8_t {
  kTagNull = 0x10,
  kTagFalse = 0x18,
  kTagTrue = 0x19,
  kTagNumber = 0x20,
  kTagString = 0x30,
  kTagBytes = 0x38,
  kTagUuid = 0x40,
  kTagTimestamp = 0x48,
  kTagArray = 0x50,
  kTagObject = 0x58,
};

// Within arrays and objects.
constexpr std::uint8_t kEnd = 0x00;
constexpr std::uint8_t kMember = 0x01;
// After a 00 within a string.
constexpr std::uint8_t kEscapedZero = 0xFF;
constexpr std::uint8_t kStringEnd = 0x01;

constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63;
constexpr double kTwoTo63 = 9223372036854775808.0;
constexpr double kTwoTo53 = 9007199254740992.0;
constexpr int kMantissaBits = 53;

void AppendByte(std::uint8_t byte, std::string* out) { out->push_back(static_cast<char>(byte)); }

void AppendBigEndian(std::uint64_t bits, std::size_t size, std::string* out) {
  AURORA_DCHECK(size >= 1 && size <= 8);
  char bytes[8];
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<char>(bits >> (8 * (size - 1 - i)));
  }
  out->append(bytes, size);
}

std::uint64_t OrderedBits(double value) {
  if (std::isnan(value)) return 0;
  if (value == 0) value = 0;  // -0 is 0
  const auto bits = std::bit_cast<std::uint64_t>(value);
  return (bits & kSignBit) != 0 ? ~bits : bits | kSignBit;
}

double FromOrderedBits(std::uint64_t ordered) {
  if (ordered == 0) return std::numeric_limits<double>::quiet_NaN();
  return std::bit_cast<double>((ordered & kSignBit) != 0 ? ordered & ~kSignBit : ~ordered);
}

// Whether there are integers, of 64 bits, between this double and the next.
bool HasRemainder(double floor) {
  return floor >= -kTwoTo63 && floor < kTwoTo63 && std::abs(floor) >= kTwoTo53;
}

void AppendNumber(double floor, std::uint64_t remainder, std::string* out) {
  AppendByte(kTagNumber, out);
  AppendBigEndian(OrderedBits(floor), 8, out);
  if (HasRemainder(floor)) {
    AURORA_DCHECK(remainder < 1024);
    AppendBigEndian(remainder, 2, out);
  } else {
    AURORA_DCHECK(remainder == 0);
  }
}

// The largest multiple of what a double of that size can tell apart that is not above `value`.
std::int64_t FloorToDouble(std::int64_t value) {
  const std::uint64_t size =
      value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  const int excess = static_cast<int>(std::bit_width(size)) - kMantissaBits;
  if (excess <= 0) return value;
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(value) &
                                   (~std::uint64_t{0} << excess));
}

void AppendInteger(std::int64_t value, std::string* out) {
  const std::int64_t floor = FloorToDouble(value);
  AppendNumber(static_cast<double>(floor),
               static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(floor), out);
}

void AppendEscaped(std::string_view bytes, std::string* out) {
  while (true) {
    const std::size_t zero = bytes.find('\0');
    if (zero == std::string_view::npos) break;
    out->append(bytes.substr(0, zero + 1));
    AppendByte(kEscapedZero, out);
    bytes.remove_prefix(zero + 1);
  }
  out->append(bytes);
}

void AppendTerminated(std::string_view bytes, std::string* out) {
  AppendEscaped(bytes, out);
  AppendByte(0, out);
  AppendByte(kStringEnd, out);
}

void AppendAscending(const ValueView& value, std::string* out);

void AppendObject(const ObjectView& object, std::string* out) {
  std::vector<MemberView> members;
  for (const MemberView& member : object) members.push_back(member);
  std::sort(members.begin(), members.end(),
            [](const MemberView& a, const MemberView& b) { return a.name < b.name; });
  AppendByte(kTagObject, out);
  for (const MemberView& member : members) {
    AppendByte(kMember, out);
    AppendTerminated(member.name, out);
    AppendAscending(member.value, out);
  }
  AppendByte(kEnd, out);
}

void AppendAscending(const ValueView& value, std::string* out) {
  switch (value.type()) {
    case Type::kNull:
      return AppendByte(kTagNull, out);
    case Type::kBool:
      return AppendByte(value.AsBool() ? kTagTrue : kTagFalse, out);
    case Type::kInt64:
      return AppendInteger(value.AsInt64(), out);
    case Type::kDouble:
      return AppendNumber(value.AsDouble(), 0, out);
    case Type::kString:
      AppendByte(kTagString, out);
      return AppendTerminated(value.AsString(), out);
    case Type::kBytes:
      AppendByte(kTagBytes, out);
      return AppendTerminated(value.AsBytes(), out);
    case Type::kUuid: {
      AppendByte(kTagUuid, out);
      const Uuid uuid = value.AsUuid();
      out->append(reinterpret_cast<const char*>(uuid.bytes.data()), uuid.bytes.size());
      return;
    }
    case Type::kTimestamp:
      AppendByte(kTagTimestamp, out);
      return AppendBigEndian(static_cast<std::uint64_t>(value.AsTimestamp().micros) ^ kSignBit, 8,
                             out);
    case Type::kArray:
      AppendByte(kTagArray, out);
      for (const ValueView& item : value.AsArray()) AppendAscending(item, out);
      return AppendByte(kEnd, out);
    case Type::kObject:
      return AppendObject(value.AsObject(), out);
  }
  AURORA_CHECK(false);
}

// Reads ascending or descending bytes as ascending ones. Bytes that are not there fail it for good.
class KeyReader {
 public:
  KeyReader(std::string_view input, KeyOrder order)
      : input_(input), flip_(order == KeyOrder::kDescending ? 0xFF : 0) {}

  std::size_t position() const { return position_; }

  absl::StatusOr<Value> Read(int depth) {
    if (depth > kKeyDepthMax) return Damaged("nested too deeply");
    std::uint8_t tag;
    if (!Next(&tag)) return Damaged("cut short");
    switch (tag) {
      case kTagNull:
        return Value();
      case kTagFalse:
      case kTagTrue:
        return Value(tag == kTagTrue);
      case kTagNumber:
        return ReadNumber();
      case kTagString:
      case kTagBytes: {
        std::string bytes;
        AURORA_RETURN_IF_ERROR(ReadTerminated(&bytes));
        return tag == kTagString ? Value(std::move(bytes)) : Value(Bytes{std::move(bytes)});
      }
      case kTagUuid: {
        std::uint64_t high;
        std::uint64_t low;
        if (!NextBigEndian(8, &high) || !NextBigEndian(8, &low)) return Damaged("cut short");
        return Value(Uuid::FromHalves(high, low));
      }
      case kTagTimestamp: {
        std::uint64_t bits;
        if (!NextBigEndian(8, &bits)) return Damaged("cut short");
        return Value(Timestamp{static_cast<std::int64_t>(bits ^ kSignBit)});
      }
      case kTagArray:
        return ReadArray(depth);
      case kTagObject:
        return ReadObject(depth);
      default:
        return Damaged("of an unknown kind");
    }
  }

 private:
  absl::Status Damaged(std::string_view what) const {
    return DataLossError("the key is ", what, " at byte ", position_, " of ", input_.size());
  }

  bool Next(std::uint8_t* byte) {
    if (position_ == input_.size()) return false;
    *byte = static_cast<std::uint8_t>(input_[position_++]) ^ flip_;
    return true;
  }

  bool NextBigEndian(std::size_t size, std::uint64_t* bits) {
    *bits = 0;
    for (std::size_t i = 0; i < size; ++i) {
      std::uint8_t byte;
      if (!Next(&byte)) return false;
      *bits = *bits << 8 | byte;
    }
    return true;
  }

  absl::StatusOr<Value> ReadNumber() {
    std::uint64_t ordered;
    if (!NextBigEndian(8, &ordered)) return Damaged("cut short");
    const double floor = FromOrderedBits(ordered);
    if (OrderedBits(floor) != ordered) return Damaged("a number written in a second way");
    if (std::isnan(floor)) return Value(floor);
    std::uint64_t remainder = 0;
    if (HasRemainder(floor) && !NextBigEndian(2, &remainder)) return Damaged("cut short");
    if (floor < -kTwoTo63 || floor >= kTwoTo63 || floor != std::trunc(floor)) return Value(floor);
    // Cannot overflow: the last double below 2^63 is 1024 below it.
    if (remainder >= 1024) return Damaged("a number written in a second way");
    const auto base = static_cast<std::int64_t>(floor);
    const std::int64_t value = base + static_cast<std::int64_t>(remainder);
    if (FloorToDouble(value) != base) return Damaged("a number written in a second way");
    return Value(value);
  }

  absl::Status ReadTerminated(std::string* bytes) {
    while (true) {
      std::uint8_t byte;
      if (!Next(&byte)) return Damaged("cut short");
      if (byte == 0) {
        if (!Next(&byte)) return Damaged("cut short");
        if (byte == kStringEnd) return absl::OkStatus();
        if (byte != kEscapedZero) return Damaged("a string with a wrong escape");
        byte = 0;
      }
      bytes->push_back(static_cast<char>(byte));
    }
  }

  // Whether the array or object ends here; then moves behind the end.
  bool AtEnd() {
    const bool end =
        position_ < input_.size() && (static_cast<std::uint8_t>(input_[position_]) ^ flip_) == kEnd;
    if (end) ++position_;
    return end;
  }

  absl::StatusOr<Value> ReadArray(int depth) {
    Array array;
    while (!AtEnd()) {
      AURORA_ASSIGN_OR_RETURN(Value item, Read(depth + 1));
      array.Append(std::move(item));
    }
    return Value(std::move(array));
  }

  absl::StatusOr<Value> ReadObject(int depth) {
    Object object;
    std::string last_name;
    while (!AtEnd()) {
      std::uint8_t marker;
      if (!Next(&marker)) return Damaged("cut short");
      if (marker != kMember) return Damaged("an object without a member");
      std::string name;
      AURORA_RETURN_IF_ERROR(ReadTerminated(&name));
      if (!object.empty() && name <= last_name) return Damaged("an object with unsorted members");
      AURORA_ASSIGN_OR_RETURN(Value value, Read(depth + 1));
      last_name = name;
      object.Set(name, std::move(value));
    }
    return Value(std::move(object));
  }

  const std::string_view input_;
  const std::uint8_t flip_;
  std::size_t position_ = 0;
};

std::uint8_t FirstTagOf(Type type) {
  switch (type) {
    case Type::kNull:
      return kTagNull;
    case Type::kBool:
      return kTagFalse;
    case Type::kInt64:
    case Type::kDouble:
      return kTagNumber;
    case Type::kString:
      return kTagString;
    case Type::kBytes:
      return kTagBytes;
    case Type::kUuid:
      return kTagUuid;
    case Type::kTimestamp:
      return kTagTimestamp;
    case Type::kArray:
      return kTagArray;
    case Type::kObject:
      return kTagObject;
  }
  AURORA_CHECK(false);
}

}  // namespace

void AppendKey(const ValueView& value, std::string* out, KeyOrder order) {
  const std::size_t start = out->size();
  AppendAscending(value, out);
  AURORA_DCHECK(out->size() > start);
  if (order == KeyOrder::kAscending) return;
  for (std::size_t i = start; i < out->size(); ++i) (*out)[i] = static_cast<char>(~(*out)[i]);
}

std::string EncodeKey(const ValueView& value, KeyOrder order) {
  std::string key;
  AppendKey(value, &key, order);
  return key;
}

std::string EncodeTuple(std::span<const ValueView> values) {
  std::string tuple;
  for (const ValueView& value : values) AppendKey(value, &tuple);
  return tuple;
}

absl::StatusOr<Value> ConsumeKey(std::string_view* input, KeyOrder order) {
  KeyReader reader(*input, order);
  AURORA_ASSIGN_OR_RETURN(Value value, reader.Read(0));
  AURORA_CHECK(reader.position() <= input->size());
  input->remove_prefix(reader.position());
  return value;
}

absl::StatusOr<Value> DecodeKey(std::string_view key, KeyOrder order) {
  std::string_view rest = key;
  AURORA_ASSIGN_OR_RETURN(Value value, ConsumeKey(&rest, order));
  if (!rest.empty()) {
    return DataLossError("the key ends at byte ", key.size() - rest.size(), " of ", key.size());
  }
  return value;
}

absl::StatusOr<std::vector<Value>> DecodeTuple(std::string_view tuple) {
  std::vector<Value> values;
  while (!tuple.empty()) {
    AURORA_ASSIGN_OR_RETURN(Value value, ConsumeKey(&tuple));
    values.push_back(std::move(value));
  }
  return values;
}

KeyRange KeyRangeOf(Type type) {
  KeyRange range;
  AppendByte(FirstTagOf(type), &range.begin);
  AppendByte(type == Type::kBool ? kTagTrue + 1 : FirstTagOf(type) + 1, &range.end);
  return range;
}

KeyRange KeyRangeOfPrefix(std::string_view prefix) {
  KeyRange range;
  AppendByte(kTagString, &range.begin);
  AppendEscaped(prefix, &range.begin);
  range.end = PrefixSuccessor(range.begin);
  // "a" is 61 00 01: not below the begin 61, and below the end 62. A prefix that ends with a zero
  // ends with 00 FF, and what continues it still starts with that.
  AURORA_DCHECK(range.begin < range.end);
  return range;
}

std::string PrefixSuccessor(std::string_view prefix) {
  std::string successor(prefix);
  while (!successor.empty() && static_cast<std::uint8_t>(successor.back()) == 0xFF) {
    successor.pop_back();
  }
  if (!successor.empty()) successor.back() = static_cast<char>(successor.back() + 1);
  return successor;
}

}  // namespace aurora
