#include "aurora/engine/query/query_spec.h"

#include "aurora/runtime/strings.h"

namespace aurora {

std::string ToString(const QuerySpec& spec) {
  std::string text = FieldPathToString({spec.collection});
  if (!spec.where.MatchesAll()) StrAppend(&text, " where ", ToString(spec.where));
  for (std::size_t i = 0; i < spec.order_by.size(); ++i) {
    StrAppend(&text, i == 0 ? " order by " : ", ", FieldPathToString(spec.order_by[i].path),
              spec.order_by[i].direction == Direction::kDescending ? " desc" : "");
  }
  if (spec.offset > 0) StrAppend(&text, " offset ", spec.offset);
  if (spec.limit != QuerySpec().limit) StrAppend(&text, " limit ", spec.limit);
  for (std::size_t i = 0; i < spec.select.size(); ++i) {
    StrAppend(&text, i == 0 ? " select " : ", ", FieldPathToString(spec.select[i]));
  }
  return text;
}

}  // namespace aurora
