#include "aurora/engine/query/query_spec.h"

#include "aurora/runtime/strings.h"

namespace aurora {

std::string ToString(const QuerySpec& spec) {
  std::string text = FieldPathToString({spec.collection});
  if (!spec.where.MatchesAll()) StrAppend(&text, " where ", ToString(spec.where));
  for (std::size_t i = 0; i < spec.group_by.size(); ++i) {
    StrAppend(&text, i == 0 ? " group by " : ", ", FieldPathToString(spec.group_by[i]));
  }
  for (std::size_t i = 0; i < spec.order_by.size(); ++i) {
    StrAppend(&text, i == 0 ? " order by " : ", ", FieldPathToString(spec.order_by[i].path),
              spec.order_by[i].direction == Direction::kDescending ? " desc" : "");
  }
  if (spec.offset > 0) StrAppend(&text, " offset ", spec.offset);
  if (spec.limit != QuerySpec().limit) StrAppend(&text, " limit ", spec.limit);
  for (std::size_t i = 0; i < spec.select.size(); ++i) {
    StrAppend(&text, i == 0 ? " select " : ", ", FieldPathToString(spec.select[i]));
  }
  for (std::size_t i = 0; i < spec.aggregates.size(); ++i) {
    StrAppend(&text, i == 0 ? " select " : ", ", ToString(spec.aggregates[i]));
  }
  return text;
}

}  // namespace aurora
