#include "aurora/engine/query/aggregate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "aurora/engine/document/key_encoding.h"
#include "aurora/engine/query/evaluator.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora {
namespace {

std::string_view FunctionName(AggregateKind kind) {
  switch (kind) {
    case AggregateKind::kCount:
      return "count";
    case AggregateKind::kSum:
      return "sum";
    case AggregateKind::kAverage:
      return "avg";
    case AggregateKind::kMin:
      return "min";
    case AggregateKind::kMax:
      return "max";
  }
  AURORA_CHECK(false);
}

AggregateSpec Of(AggregateKind kind, std::string_view path) {
  return {kind, ParseFieldPath(path), {}};
}

std::string CallText(const AggregateSpec& aggregate) {
  const std::string path =
      aggregate.kind == AggregateKind::kCount ? "" : FieldPathToString(aggregate.path);
  return StrCat(FunctionName(aggregate.kind), "(", path, ")");
}

}  // namespace

AggregateSpec Count() { return {AggregateKind::kCount, {}, {}}; }
AggregateSpec Sum(std::string_view path) { return Of(AggregateKind::kSum, path); }
AggregateSpec Average(std::string_view path) { return Of(AggregateKind::kAverage, path); }
AggregateSpec Min(std::string_view path) { return Of(AggregateKind::kMin, path); }
AggregateSpec Max(std::string_view path) { return Of(AggregateKind::kMax, path); }

std::string ToString(const AggregateSpec& aggregate) {
  if (aggregate.name.empty()) return CallText(aggregate);
  return StrCat(CallText(aggregate), " as ", FieldPathToString({aggregate.name}));
}

std::string ResultName(const AggregateSpec& aggregate) {
  if (!aggregate.name.empty()) return aggregate.name;
  return aggregate.kind == AggregateKind::kCount ? "count" : CallText(aggregate);
}

std::string ResultName(const FieldPath& key) {
  return key.size() == 1 ? key[0] : FieldPathToString(key);
}

// --- One aggregate ---

void Accumulator::AddInteger(std::int64_t value) {
  ++count_;
  integers_ += value;
}

// Neumaier's summation: what the sum loses of the smaller of two numbers is kept apart
// (https://doi.org/10.1002/zamm.19740540106).
void Accumulator::AddDouble(double value) {
  ++count_;
  has_doubles_ = true;
  const double sum = doubles_ + value;
  if (std::abs(doubles_) >= std::abs(value)) {
    compensation_ += (doubles_ - sum) + value;
  } else {
    compensation_ += (value - sum) + doubles_;
  }
  doubles_ = sum;
}

absl::Status Accumulator::AddNumber(const ValueView& value) {
  if (value.type() == Type::kInt64) {
    AddInteger(value.AsInt64());
  } else if (value.type() == Type::kDouble) {
    AddDouble(value.AsDouble());
  } else {
    return InvalidArgumentError("a value is ", DebugString(value, 64), ", which is no number");
  }
  return absl::OkStatus();
}

absl::Status Accumulator::Add(AggregateKind kind, const ValueView& value) {
  if (kind == AggregateKind::kCount) return AddCount(1), absl::OkStatus();
  if (value.is_null()) return absl::OkStatus();
  if (kind == AggregateKind::kSum || kind == AggregateKind::kAverage) return AddNumber(value);
  const bool first = count_++ == 0;
  const std::strong_ordering order = first ? std::strong_ordering::equal : Compare(value, extreme_);
  if (first || (kind == AggregateKind::kMin ? order < 0 : order > 0)) extreme_ = Value(value);
  return absl::OkStatus();
}

double Accumulator::Total() const {
  // An infinity makes the compensation a NaN.
  const double doubles = std::isfinite(doubles_) ? doubles_ + compensation_ : doubles_;
  return static_cast<double>(integers_) + doubles;
}

Value Accumulator::Result(AggregateKind kind) const {
  if (kind == AggregateKind::kCount) return Value(static_cast<std::int64_t>(count_));
  if (count_ == 0) return Value();
  if (kind == AggregateKind::kMin || kind == AggregateKind::kMax) return extreme_;
  if (kind == AggregateKind::kAverage) return Value(Total() / static_cast<double>(count_));
  const bool fits = integers_ >= std::numeric_limits<std::int64_t>::min() &&
                    integers_ <= std::numeric_limits<std::int64_t>::max();
  if (!has_doubles_ && fits) return Value(static_cast<std::int64_t>(integers_));
  return Value(Total());
}

// --- Groups ---

absl::StatusOr<std::vector<Accumulator>*> Grouping::Group() {
  const auto found = groups_.find(key_);
  if (found != groups_.end()) return &found->second;
  if (groups_.size() == groups_max_) {
    return ResourceExhaustedError("the query has more than ", groups_max_,
                                  " groups, the most that are allowed");
  }
  return &groups_.try_emplace(key_, aggregates_.size()).first->second;
}

absl::StatusOr<std::vector<Accumulator>*> Grouping::GroupOf(const std::vector<ValueView>& values) {
  AURORA_DCHECK(values.size() == keys_.size());
  key_.clear();
  for (const ValueView& value : values) AppendKey(value, &key_);
  return Group();
}

absl::Status Grouping::Add(const ObjectView& document) {
  key_.clear();
  for (const FieldPath& path : keys_) {
    AppendKey(ValueAt(document, path).value_or(ValueView()), &key_);
  }
  AURORA_ASSIGN_OR_RETURN(std::vector<Accumulator>* const group, Group());
  for (std::size_t i = 0; i < aggregates_.size(); ++i) {
    const AggregateSpec& aggregate = aggregates_[i];
    const ValueView value = aggregate.path.empty()
                                ? ValueView()
                                : ValueAt(document, aggregate.path).value_or(ValueView());
    const absl::Status added = (*group)[i].Add(aggregate.kind, value);
    if (!added.ok()) return Annotate(added, ToString(aggregate));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Object>> Grouping::Finish() {
  if (keys_.empty()) {
    AURORA_RETURN_IF_ERROR(GroupOf({}).status());
  }
  std::vector<const decltype(groups_)::value_type*> sorted;
  for (const auto& group : groups_) sorted.push_back(&group);
  std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->first < b->first; });
  std::vector<Object> results;
  results.reserve(sorted.size());
  for (const auto* group : sorted) {
    Object result;
    AURORA_ASSIGN_OR_RETURN(std::vector<Value> values, DecodeTuple(group->first));
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      result.Set(ResultName(keys_[i]), std::move(values[i]));
    }
    for (std::size_t i = 0; i < aggregates_.size(); ++i) {
      result.Set(ResultName(aggregates_[i]), group->second[i].Result(aggregates_[i].kind));
    }
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace aurora
