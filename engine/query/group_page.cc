#include "aurora/engine/query/group_page.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <set>
#include <string>
#include <utility>

#include "aurora/engine/document/key_encoding.h"
#include "aurora/engine/document/value_view.h"
#include "aurora/engine/query/aggregate.h"
#include "aurora/runtime/status.h"

namespace aurora {
namespace {

// The result that a sort key stands for; empty if there is none.
std::string ResultOf(const QuerySpec& spec, const FieldPath& path) {
  for (const FieldPath& key : spec.group_by) {
    if (key == path) return ResultName(key);
  }
  for (const AggregateSpec& aggregate : spec.aggregates) {
    const std::string name = ResultName(aggregate);
    if (path == FieldPath{name} || FieldPathToString(path) == name) return name;
  }
  return {};
}

}  // namespace

absl::Status CheckGroupResults(const QuerySpec& spec) {
  std::set<std::string> names;
  const auto add = [&](const std::string& name) {
    if (names.insert(name).second) return absl::OkStatus();
    return InvalidArgumentError("groups would have two results called ", Quoted(name),
                                "; give one another name with As");
  };
  for (const FieldPath& key : spec.group_by) AURORA_RETURN_IF_ERROR(add(ResultName(key)));
  for (const AggregateSpec& aggregate : spec.aggregates) {
    AURORA_RETURN_IF_ERROR(add(ResultName(aggregate)));
  }
  for (const SortKey& by : spec.order_by) {
    if (!ResultOf(spec, by.path).empty()) continue;
    return InvalidArgumentError("order by ", FieldPathToString(by.path),
                                ": the groups have no such result");
  }
  return absl::OkStatus();
}

void PageGroups(const QuerySpec& spec, std::vector<Object>* groups) {
  std::vector<std::string> keys(groups->size());
  for (const SortKey& by : spec.order_by) {
    const std::string name = ResultOf(spec, by.path);
    const KeyOrder order =
        by.direction == Direction::kDescending ? KeyOrder::kDescending : KeyOrder::kAscending;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      AppendKey(ValueView(*(*groups)[i].Find(name)), &keys[i], order);
    }
  }
  std::vector<std::size_t> places(groups->size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  std::sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) {
    return keys[a] != keys[b] ? keys[a] < keys[b] : a < b;
  });
  const std::size_t begin = std::min<std::uint64_t>(spec.offset, places.size());
  const std::size_t end = begin + std::min<std::uint64_t>(spec.limit, places.size() - begin);
  std::vector<Object> page;
  for (std::size_t i = begin; i < end; ++i) page.push_back(std::move((*groups)[places[i]]));
  *groups = std::move(page);
}

}  // namespace aurora
