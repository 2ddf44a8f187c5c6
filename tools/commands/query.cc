#include <algorithm>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "aurora/engine/document/json.h"
#include "aurora/engine/document/schema_text.h"
#include "aurora/engine/query/parser.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/status.h"
#include "aurora/tools/commands/commands.h"
#include "aurora/tools/commands/session.h"

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

std::string Cell(const ValueView& value) {
  if (value.type() != Type::kString) return DebugString(value, kCellBytes);
  const std::string quoted = Quoted(value.AsString(), kCellBytes);
  // Plain text reads better without its quotes.
  return quoted.size() == value.AsString().size() + 2 ? std::string(value.AsString()) : quoted;
}

// One column for each field that any document has, in the order of their first appearance.
std::string Table(const std::vector<Document>& documents) {
  std::vector<std::string> columns;
  for (const Document& document : documents) {
    for (const MemberView member : document.fields()) {
      if (std::find(columns.begin(), columns.end(), member.name) == columns.end())
        columns.emplace_back(member.name);
    }
  }
  std::vector<std::vector<std::string>> rows = {columns};
  for (const Document& document : documents) {
    const ObjectView fields = document.fields();
    std::vector<std::string>& row = rows.emplace_back();
    for (const std::string& column : columns) {
      const std::optional<ValueView> value = fields.Find(column);
      row.push_back(value.has_value() ? Cell(*value) : "");
    }
  }
  return AlignedTable(rows);
}

absl::StatusOr<ExitCode> RunQuery(Database& database, const QueryArguments& arguments,
                                  Streams streams) {
  AURORA_ASSIGN_OR_RETURN(const QuerySpec spec, ParseQuery(arguments.text));
  const Query query = database.Query(spec);
  if (arguments.count) {
    AURORA_ASSIGN_OR_RETURN(const std::uint64_t count, query.Count().Wait());
    streams.out << count << "\n";
  } else if (!arguments.explain) {
    AURORA_ASSIGN_OR_RETURN(const std::vector<Document> documents, query.Collect().Wait());
    for (const Document& document : documents) {
      if (arguments.json) streams.out << document.ToJson() << "\n";
    }
    if (!arguments.json) streams.out << Table(documents) << documents.size() << " documents\n";
  }
  if (arguments.explain) {
    AURORA_ASSIGN_OR_RETURN(const QueryPlan plan, query.Explain().Wait());
    streams.out << plan.ToString();
  }
  return ExitCode::kOk;
}

}  // namespace

void AddQuery(CommandLine& line) {
  const auto arguments = std::make_shared<QueryArguments>();
  CLI::App& app = line.Add("query", "Runs a query in the text form", [arguments](Streams streams) {
    return WithDatabase(arguments->database, ExistingOnly(), streams, [&](Database& database) {
      return RunQuery(database, *arguments, streams);
    });
  });
  app.add_option("database", arguments->database, "The directory of the database")->required();
  app.add_option("query", arguments->text,
                 "For example: 'products where price < 100 order by price desc limit 10'")
      ->required();
  app.add_flag("--json", arguments->json, "One JSON object a line");
  app.add_flag("--count", arguments->count, "Only how many documents satisfy the condition");
  app.add_flag("--explain", arguments->explain,
               "How the query was answered, instead of its results");
}

}  // namespace aurora::tools
