#include <memory>
#include <ostream>
#include <string>

#include "aurora/engine/document/json.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/status.h"
#include "aurora/tools/commands/commands.h"
#include "aurora/tools/commands/session.h"

namespace aurora::tools {
namespace {

struct GetArguments {
  std::string database;
  std::string collection;
  std::string id;
  bool json = false;
};

absl::StatusOr<ExitCode> RunGet(Database& database, const GetArguments& arguments,
                                const Streams& streams) {
  AURORA_ASSIGN_OR_RETURN(const DocumentId id, DocumentId::Parse(arguments.id));
  AURORA_ASSIGN_OR_RETURN(const std::optional<Document> document,
                          database.Get(arguments.collection, id).Wait());
  if (!document.has_value()) {
    return NotFoundError("collection ", Quoted(arguments.collection), ": there is no document ",
                         id.ToString());
  }
  streams.out << ToJson(document->fields(), JsonStyle{.indent = arguments.json ? 0 : 2}) << "\n";
  return ExitCode::kOk;
}

}  // namespace

void AddGet(CommandLine& line) {
  const auto arguments = std::make_shared<GetArguments>();
  CLI::App& app = line.Add("get", "Prints one document as JSON", [arguments](Streams streams) {
    return WithReadableDatabase(arguments->database, streams, [&](Database& database) {
      return RunGet(database, *arguments, streams);
    });
  });
  app.add_option("database", arguments->database, "The directory of the database")->required();
  app.add_option("collection", arguments->collection, "The collection")->required();
  app.add_option("id", arguments->id,
                 "The id: a UUID, a number, a string; \"42\" in quotes is the string")
      ->required();
  app.add_flag("--json", arguments->json, "On one line");
  app.footer(
      "Examples:\n"
      "  aurora-tool get shop.aurora products 0190163d-8694-739b-aea5-966c26f8ad91\n"
      "  aurora-tool get shop.aurora products '\"42\"' --json\n");
}

}  // namespace aurora::tools
