// Aggregates: what a query computes of the documents that it finds, for all of them or by groups.
//
//   co_await db.Query("users").Where(Field("city") == "Bern")
//       .GroupBy({"status"}).Aggregate({Count(), Average("score").As("mean")});
//   // [{"status": "active", "count": 12, "mean": 4.5}, ...]
//
// A group is what has equal values in the fields that are grouped by; missing and null are one. A
// value that is missing or null is left out of all but Count, as in SQL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/engine/document/value.h"
#include "aurora/engine/document/value_view.h"
#include "aurora/engine/query/expression.h"

namespace aurora {

enum class AggregateKind : std::uint8_t { kCount, kSum, kAverage, kMin, kMax };

struct AggregateSpec {
  AggregateKind kind = AggregateKind::kCount;
  FieldPath path;    // of all but kCount
  std::string name;  // in the result; empty: as the text form writes the aggregate

  AggregateSpec As(std::string result_name) const {
    AggregateSpec named = *this;
    named.name = std::move(result_name);
    return named;
  }
};

// The number of documents.
AggregateSpec Count();
// Of numbers: an int64 if all are and it fits, else a double; null if there are none. Integers are
// added exactly. A value that is no number fails the query.
AggregateSpec Sum(std::string_view path);
// The sum divided by the number of values, a double; null if there are none.
AggregateSpec Average(std::string_view path);
// In the order of values (value_view.h), whatever their types; null if there are none.
AggregateSpec Min(std::string_view path);
AggregateSpec Max(std::string_view path);

// "count()", "avg(score)", with " as mean" if it has a name.
std::string ToString(const AggregateSpec& aggregate);
// What the result calls it, and what groups are by: a name as it is, a path in the text form.
std::string ResultName(const AggregateSpec& aggregate);
std::string ResultName(const FieldPath& key);

// One aggregate of one group. Not thread-safe.
class Accumulator {
 public:
  // InvalidArgument if `value` cannot be part of an aggregate of that kind.
  absl::Status Add(AggregateKind kind, const ValueView& value);
  // A number, by its nearest double, and whether it was an integer; for those who have it at hand.
  void AddInteger(std::int64_t value);
  void AddDouble(double value);
  // `count` documents, for kCount.
  void AddCount(std::uint64_t count) { count_ += count; }
  Value Result(AggregateKind kind) const;

 private:
  absl::Status AddNumber(const ValueView& value);
  double Total() const;

  std::uint64_t count_ = 0;   // values
  bool has_doubles_ = false;  // among the numbers
  __int128 integers_ = 0;
  double doubles_ = 0;
  double compensation_ = 0;
  Value extreme_;  // of kMin, kMax
};

// Groups documents. Not thread-safe. Memory: that of the groups, of which there are at most
// `groups_max`.
class Grouping {
 public:
  Grouping(std::vector<FieldPath> keys, std::vector<AggregateSpec> aggregates,
           std::size_t groups_max)
      : keys_(std::move(keys)), aggregates_(std::move(aggregates)), groups_max_(groups_max) {}

  // ResourceExhausted: more groups than allowed. InvalidArgument: a value that an aggregate does
  // not take; names the field.
  absl::Status Add(const ObjectView& document);
  // The group of these values, one for each key, to be added to: one accumulator for each
  // aggregate.
  absl::StatusOr<std::vector<Accumulator>*> GroupOf(const std::vector<ValueView>& values);

  // One object for each group, by the keys: the values of the keys under their names (numbers as
  // int64 where that is exact), and the aggregates under their names. Without keys there is one
  // group, also of nothing.
  absl::StatusOr<std::vector<Object>> Finish();

 private:
  absl::StatusOr<std::vector<Accumulator>*> Group();

  const std::vector<FieldPath> keys_;
  const std::vector<AggregateSpec> aggregates_;
  const std::size_t groups_max_;
  std::string key_;  // of the last group asked for
  absl::flat_hash_map<std::string, std::vector<Accumulator>> groups_;
};

}  // namespace aurora
