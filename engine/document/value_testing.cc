#include "aurora/engine/document/value_testing.h"

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

namespace aurora {

std::uint64_t TestSeed(std::uint64_t fallback) {
  const char* given = std::getenv("AURORA_SEED");
  const std::uint64_t seed = given == nullptr ? fallback : std::strtoull(given, nullptr, 10);
  std::printf("AURORA_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

const std::vector<Value>& AdversarialNumbers() {
  static const std::vector<Value>& numbers = *[] {
    auto* all = new std::vector<Value>;
    for (const double base : {0.0, 1.0, 0.5, 4503599627370496.0, 9007199254740992.0,
                              18014398509481984.0, 4611686018427387904.0, 9223372036854775808.0,
                              1e16, 1e18, 1e19, 1e308, 5e-324, 2.2250738585072014e-308}) {
      for (const double sign : {1.0, -1.0}) {
        const double value = sign * base;
        all->push_back(value);
        all->push_back(std::nextafter(value, HUGE_VAL));
        all->push_back(std::nextafter(value, -HUGE_VAL));
      }
    }
    all->push_back(HUGE_VAL);
    all->push_back(-HUGE_VAL);
    all->push_back(std::numeric_limits<double>::quiet_NaN());
    all->push_back(-std::numeric_limits<double>::quiet_NaN());
    for (int bit = 0; bit <= 63; ++bit) {
      for (std::int64_t step : {-2, -1, 0, 1, 2, 511, 512, 513, 1023, 1024}) {
        const std::uint64_t positive = (std::uint64_t{1} << bit) + static_cast<std::uint64_t>(step);
        all->push_back(static_cast<std::int64_t>(positive));
        all->push_back(static_cast<std::int64_t>(0 - positive));
      }
    }
    return all;
  }();
  return numbers;
}

std::int64_t RandomValues::Integer() {
  if (OneIn(2)) return static_cast<std::int64_t>(Below(21)) - 10;
  return static_cast<std::int64_t>(engine_()) >> Below(64);
}

double RandomValues::Double() {
  switch (Below(4)) {
    case 0:
      return static_cast<double>(Integer());
    case 1:
      return static_cast<double>(Integer()) / 8;
    case 2:
      return static_cast<double>(engine_()) / 18446744073709551616.0;
    default: {
      const double any = std::bit_cast<double>(engine_());
      return std::isnan(any) ? 0.0 : any;
    }
  }
}

Value RandomValues::Number() {
  if (OneIn(3)) return AdversarialNumbers()[Below(AdversarialNumbers().size())];
  return OneIn(2) ? Value(Integer()) : Value(Double());
}

std::string RandomValues::Text() {
  static constexpr const char* kPieces[] = {"a",
                                            "b",
                                            "ab",
                                            "z",
                                            " ",
                                            "\x01",
                                            "\303\251",
                                            "\360\235\204\236",
                                            "\346\227\245\346\234\254",
                                            "\x7f"};
  std::string text;
  while (!OneIn(4)) {
    if (OneIn(6)) {
      text.push_back('\0');
    } else {
      text += kPieces[Below(std::size(kPieces))];
    }
  }
  return text;
}

std::string RandomValues::Bytes() {
  std::string bytes;
  while (!OneIn(4)) {
    bytes.push_back(static_cast<char>(OneIn(3) ? Below(2) * 0xFF : Below(256)));
  }
  return bytes;
}

Uuid RandomValues::NextUuid() {
  return Uuid::FromHalves(OneIn(2) ? Below(3) : engine_(), Below(3));
}

Timestamp RandomValues::NextTimestamp() { return Timestamp{Integer()}; }

Array RandomValues::NextArray(int depth) {
  Array array;
  while (!OneIn(3)) array.Append(Next(depth - 1));
  return array;
}

Object RandomValues::NextObject(int depth) {
  Object object;
  while (!OneIn(3)) object.Set(Text(), Next(depth - 1));
  return object;
}

Value RandomValues::Next(int depth) {
  switch (Below(depth > 0 ? 14 : 10)) {
    case 0:
      return Value();
    case 1:
      return OneIn(2);
    case 2:
    case 3:
    case 4:
      return Number();
    case 5:
    case 6:
      return Text();
    case 7:
      return aurora::Bytes{Bytes()};
    case 8:
      return NextUuid();
    case 9:
      return NextTimestamp();
    case 10:
    case 11:
      return NextArray(depth);
    default:
      return NextObject(depth);
  }
}

}  // namespace aurora
