// The text form of queries, for command lines and logs:
//
//   products where price < 100 and tags any "lamp" order by price desc, name limit 10 select name
//   products where in_stock = true group by maker select count(), avg(price) as mean order by mean
//
//   query      = name [ "where" condition ] { clause }
//   clause     = "order" "by" key { "," key } | "offset" integer | "limit" integer
//              | "group" "by" path { "," path } | "select" result { "," result }
//   key        = path [ "asc" | "desc" ]
//   result     = path | aggregate [ "as" name ]
//   aggregate  = "count" "(" ")" | ( "sum" | "avg" | "min" | "max" ) "(" path ")"
//   condition  = conjunct { ( "or" | "||" ) conjunct }
//   conjunct   = unary { ( "and" | "&&" ) unary }
//   unary      = ( "not" | "!" ) unary | "(" condition ")" | "true" | "exists" operand
//              | comparison
//   comparison = operand ( relation constant | [ "not" ] "in" list
//                        | "between" constant "and" constant | "is" [ "not" ] "null" )
//   relation   = "=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=" | "contains" | "any"
//              | "starts_with" | "ends_with" | "matches"
//   operand    = path | "length" "(" path ")"
//   path       = name { "." name }
//   name       = letters, digits and _, or anything in back quotes
//   list       = "(" [ constant { "," constant } ] ")"
//   constant   = number | string | "true" | "false" | "null" | "uuid" "(" string ")"
//              | "timestamp" "(" string ")" | "[" [ constant { "," constant } ] "]"
//   string     = "..." with JSON's escapes, or '...' with '' for a quote
//
// Words are not case-sensitive; names are. Clauses may come in any order, each once. With a group
// or an aggregate, results are groups (aggregate.h): then a path may be selected that groups are
// by.
#pragma once

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "aurora/engine/query/expression.h"
#include "aurora/engine/query/query_spec.h"

namespace aurora {

struct QueryTextLimits {
  std::size_t text_bytes = 1u << 20;
  ExpressionLimits expression;
};

// InvalidArgument with line, column, what was expected and what was found. Uses stack in proportion
// to limits.expression.depth.
absl::StatusOr<QuerySpec> ParseQuery(std::string_view text, const QueryTextLimits& limits = {});

// A condition alone: what may follow "where".
absl::StatusOr<Expression> ParseCondition(std::string_view text,
                                          const QueryTextLimits& limits = {});

}  // namespace aurora
