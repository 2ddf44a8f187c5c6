#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "aurora/engine/document/json.h"
#include "aurora/engine/query/parser.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/status.h"
#include "aurora/tools/commands/commands.h"
#include "aurora/tools/commands/session.h"
#include "aurora/tools/text_table.h"

namespace aurora::tools {
namespace {

struct QueryArguments {
  std::string database;
  std::string text;
  bool json = false;
  bool explain = false;
  bool count = false;
};

constexpr std::size_t kCellBytes = 40;

// Plain text reads, and copies, better than what tells types apart.
std::string Cell(const ValueView& value) {
  switch (value.type()) {
    case Type::kNull:
      return "null";
    case Type::kUuid:
      return value.AsUuid().ToString();
    case Type::kTimestamp:
      return value.AsTimestamp().ToString();
    case Type::kString: {
      const std::string quoted = Quoted(value.AsString(), kCellBytes);
      const bool plain = quoted.size() == value.AsString().size() + 2;
      return plain ? std::string(value.AsString()) : quoted;
    }
    default:
      return DebugString(value, kCellBytes);
  }
}

// One column for each field that any object has, in the order of their first appearance.
std::string Table(const std::vector<ObjectView>& objects, const Terminal& terminal) {
  std::vector<std::string> columns;
  for (const ObjectView& object : objects) {
    for (const MemberView member : object) {
      if (std::find(columns.begin(), columns.end(), member.name) == columns.end())
        columns.emplace_back(member.name);
    }
  }
  TextTable table(columns);
  for (const ObjectView& object : objects) {
    std::vector<std::string> row;
    for (const std::string& column : columns) {
      const std::optional<ValueView> value = object.Find(column);
      row.push_back(value.has_value() ? Cell(*value) : "");
    }
    table.Add(std::move(row));
  }
  return table.ToFittingString(terminal);
}

Object ToObject(const QueryPlan& plan) {
  return Object{{"query", Value(plan.query)},
                {"access", Value(plan.access)},
                {"filter", Value(plan.filter)},
                {"order", Value(plan.order)},
                {"estimated_rows", Number(plan.estimated_rows)},
                {"candidate_rows", Number(plan.candidate_rows)},
                {"documents_read", Number(plan.documents_read)},
                {"hot_tier_hits", Number(plan.hot_tier_hits)},
                {"matched_rows", Number(plan.matched_rows)},
                {"returned_rows", Number(plan.returned_rows)},
                {"plan_nanos", Value(plan.plan_nanos)},
                {"run_nanos", Value(plan.run_nanos)}};
}

absl::Status PrintCount(const Query& query, const QueryArguments& arguments,
                        const Streams& streams) {
  AURORA_ASSIGN_OR_RETURN(const std::uint64_t count, query.Count().Wait());
  if (arguments.json) {
    PrintJson(Object{{"count", Number(count)}}, streams);
  } else {
    streams.out << count << "\n";
  }
  return absl::OkStatus();
}

absl::Status PrintPlan(const Query& query, const QueryArguments& arguments,
                       const Streams& streams) {
  AURORA_ASSIGN_OR_RETURN(const QueryPlan plan, query.Explain().Wait());
  if (arguments.json) {
    PrintJson(ToObject(plan), streams);
  } else {
    streams.out << plan.ToString();
  }
  return absl::OkStatus();
}

// The results as a table, with how many there are and how long they took.
void PrintTable(const std::vector<ObjectView>& objects, std::string_view noun,
                std::chrono::nanoseconds took, const Streams& streams) {
  if (!objects.empty()) streams.out << Table(objects, streams.out_terminal);
  streams.out << Counted(objects.size(), noun) << " in " << HumanNanos(took.count()) << "\n";
}

absl::Status PrintDocuments(const Query& query, const QueryArguments& arguments,
                            const Streams& streams) {
  const auto start = std::chrono::steady_clock::now();
  AURORA_ASSIGN_OR_RETURN(const std::vector<Document> documents, query.Collect().Wait());
  const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - start;
  if (arguments.json) {
    for (const Document& document : documents) streams.out << document.ToJson() << "\n";
    return absl::OkStatus();
  }
  std::vector<ObjectView> objects;
  for (const Document& document : documents) objects.push_back(document.fields());
  PrintTable(objects, "document", took, streams);
  return absl::OkStatus();
}

absl::Status PrintGroups(const Query& query, const QueryArguments& arguments,
                         const Streams& streams) {
  const auto start = std::chrono::steady_clock::now();
  AURORA_ASSIGN_OR_RETURN(const std::vector<Object> groups, query.Aggregate().Wait());
  const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - start;
  if (arguments.json) {
    for (const Object& group : groups) streams.out << ToJson(ValueView(ObjectView(group))) << "\n";
    return absl::OkStatus();
  }
  PrintTable({groups.begin(), groups.end()}, "group", took, streams);
  return absl::OkStatus();
}

absl::StatusOr<ExitCode> RunQuery(Database& database, const QueryArguments& arguments,
                                  const Streams& streams) {
  AURORA_ASSIGN_OR_RETURN(const QuerySpec spec, ParseQuery(arguments.text));
  const Query query = database.Query(spec);
  AURORA_RETURN_IF_ERROR(arguments.count     ? PrintCount(query, arguments, streams)
                         : arguments.explain ? PrintPlan(query, arguments, streams)
                         : spec.groups()     ? PrintGroups(query, arguments, streams)
                                             : PrintDocuments(query, arguments, streams));
  return ExitCode::kOk;
}

}  // namespace

void AddQuery(CommandLine& line) {
  const auto arguments = std::make_shared<QueryArguments>();
  CLI::App& app = line.Add("query", "Runs a query in the text form", [arguments](Streams streams) {
    return WithReadableDatabase(arguments->database, streams, [&](Database& database) {
      return RunQuery(database, *arguments, streams);
    });
  });
  app.add_option("database", arguments->database, "The directory of the database")->required();
  app.add_option("query", arguments->text,
                 "For example: 'products where price < 100 order by price desc limit 10'")
      ->required();
  app.add_flag("--json", arguments->json, "One JSON object a line");
  CLI::Option* const count =
      app.add_flag("--count", arguments->count, "Only how many documents satisfy the condition");
  app.add_flag("--explain", arguments->explain,
               "How the query was answered, instead of its results")
      ->excludes(count);
  app.footer(
      "Examples:\n"
      "  aurora-tool query shop.aurora 'products where price < 100 and city == \"Bern\" limit 10'\n"
      "  aurora-tool query shop.aurora 'products order by price desc select sku, price'\n"
      "  aurora-tool query shop.aurora 'products where tags any \"lamp\"' --count\n"
      "  aurora-tool query shop.aurora 'products group by city select count(), avg(price)'\n"
      "  aurora-tool query shop.aurora products --json > products.ndjson\n");
}

}  // namespace aurora::tools
