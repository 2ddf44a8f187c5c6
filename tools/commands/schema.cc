#include <memory>
#include <ostream>
#include <string>

#include "aurora/engine/document/json.h"
#include "aurora/engine/document/schema_text.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/status.h"
#include "aurora/tools/commands/commands.h"
#include "aurora/tools/commands/session.h"

namespace aurora::tools {
namespace {

struct SchemaArguments {
  std::string database;
  std::string collection;
  bool json = false;
};

absl::StatusOr<ExitCode> RunSchema(Database& database, const SchemaArguments& arguments,
                                   const Streams& streams) {
  if (!arguments.collection.empty())
    AURORA_RETURN_IF_ERROR(database.GetSchema(arguments.collection));
  for (const CollectionInfo& collection : database.Collections()) {
    if (!arguments.collection.empty() && collection.name != arguments.collection) continue;
    if (arguments.json) {
      Object line;
      line.Set("collection", Value(collection.name));
      line.Set("schema", SchemaToValue(collection.schema));
      PrintJson(line, streams);
    } else {
      streams.out << streams.out_terminal.Bold(StrCat("collection ", collection.name)) << "\n"
                  << SchemaTable(collection.schema) << "\n";
    }
  }
  return ExitCode::kOk;
}

}  // namespace

void AddSchema(CommandLine& line) {
  const auto arguments = std::make_shared<SchemaArguments>();
  CLI::App& app =
      line.Add("schema", "Prints the schemas of the collections", [arguments](Streams streams) {
        return WithReadableDatabase(arguments->database, streams, [&](Database& database) {
          return RunSchema(database, *arguments, streams);
        });
      });
  app.add_option("database", arguments->database, "The directory of the database")->required();
  app.add_option("collection", arguments->collection, "Only this collection");
  app.add_flag("--json", arguments->json, "One JSON object a line, for each collection");
  app.footer(
      "Examples:\n"
      "  aurora-tool schema shop.aurora\n"
      "  aurora-tool schema shop.aurora products --json\n");
}

}  // namespace aurora::tools
