#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "aurora/engine/document/json.h"
#include "aurora/engine/document/ndjson.h"
#include "aurora/engine/document/schema_inference.h"
#include "aurora/engine/document/schema_text.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/status.h"
#include "aurora/tools/commands/commands.h"
#include "aurora/tools/commands/session.h"
#include "aurora/tools/progress_bar.h"

namespace aurora::tools {
namespace {

struct ImportArguments {
  std::string database;
  std::string collection;
  std::string file;
  std::vector<std::string> indexed;
  std::vector<std::string> unique;
  std::size_t batch = 1000;
  std::size_t sample = 20'000;
  std::string durability = "sync";
  bool skip_errors = false;
  bool print_acknowledged = false;
  bool strict = false;
};

constexpr std::size_t kChunkBytes = 1u << 20;

// Reads the objects of an NDJSON stream, each with its line for messages.
class ObjectReader {
 public:
  ObjectReader(std::istream& in, const DocumentLimits& limits)
      : in_(in), limits_(limits), lines_(limits.line_bytes_max) {}

  // nullopt at the end. An error is about one line; reading may go on behind it.
  absl::StatusOr<std::optional<Object>> Next() {
    while (true) {
      AURORA_ASSIGN_OR_RETURN(const std::optional<LineSplitter::Line> line, lines_.Next());
      if (line.has_value()) {
        absl::StatusOr<Object> object = ParseJsonObject(line->text, limits_);
        if (!object.ok()) return Annotate(object.status(), StrCat("line ", line->number));
        return std::optional<Object>(*std::move(object));
      }
      if (ended_) return std::optional<Object>();
      Fill();
    }
  }
  std::uint64_t consumed_bytes() const { return lines_.consumed_bytes(); }
  bool failed() const { return in_.bad(); }

 private:
  void Fill() {
    chunk_.resize(kChunkBytes);
    in_.read(chunk_.data(), static_cast<std::streamsize>(chunk_.size()));
    const auto count = static_cast<std::size_t>(in_.gcount());
    if (count > 0) lines_.Add(std::string_view(chunk_).substr(0, count));
    if (count < chunk_.size()) {
      lines_.Finish();
      ended_ = true;
    }
  }

  std::istream& in_;
  const DocumentLimits limits_;
  LineSplitter lines_;
  std::string chunk_;
  bool ended_ = false;
};

// The inferred schema with the attributes that the command line asks for.
absl::StatusOr<Schema> WithAttributes(const Schema& inferred, const ImportArguments& arguments) {
  Schema schema;
  for (const auto& [names, flag] :
       {std::pair(&arguments.indexed, kIndexed), std::pair(&arguments.unique, kUnique)}) {
    for (const std::string& name : *names) {
      if (inferred.Find(name) == nullptr)
        return InvalidArgumentError("no object has a field ", Quoted(name), " to index");
    }
  }
  for (FieldSchema field : inferred.fields()) {
    const auto named = [&](const std::vector<std::string>& names) {
      return std::find(names.begin(), names.end(), field.name) != names.end();
    };
    if (named(arguments.indexed)) field.attributes = field.attributes | FieldAttributes(kIndexed);
    if (named(arguments.unique)) field.attributes = field.attributes | FieldAttributes(kUnique);
    schema.Add(std::move(field));
  }
  if (inferred.open()) schema.Open();
  AURORA_RETURN_IF_ERROR(schema.Validate());
  return schema;
}

class Import {
 public:
  Import(Database& database, const ImportArguments& arguments, std::istream& in, std::uint64_t size,
         Streams streams)
      : database_(database),
        arguments_(arguments),
        reader_(in, arguments.strict ? DocumentLimits::Strict() : DocumentLimits()),
        progress_(streams.err, "importing", size, isatty(STDERR_FILENO) != 0),
        streams_(streams) {}

  absl::StatusOr<ExitCode> Run() {
    const auto start = std::chrono::steady_clock::now();
    AURORA_RETURN_IF_ERROR(CreateCollection());
    AURORA_RETURN_IF_ERROR(InsertPending());  // what the schema was inferred from
    while (!ended_) {
      AURORA_RETURN_IF_ERROR(ReadSome(arguments_.batch));
      AURORA_RETURN_IF_ERROR(InsertPending());
    }
    progress_.Finish();
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    streams_.out << "imported " << imported_ << " documents in " << seconds << " s ("
                 << static_cast<std::uint64_t>(static_cast<double>(imported_) / seconds)
                 << " documents/s)";
    if (rejected_ > 0) streams_.out << "; rejected " << rejected_;
    streams_.out << "\n";
    return rejected_ > 0 ? ExitCode::kPartial : ExitCode::kOk;
  }

 private:
  // A rejected object ends the import, unless such are to be skipped.
  absl::Status Reject(const absl::Status& why) {
    if (!arguments_.skip_errors) return why;
    ++rejected_;
    progress_.Clear();
    streams_.err << "rejected: " << ToStd(why.message()) << "\n";
    return absl::OkStatus();
  }

  absl::Status ReadSome(std::size_t count) {
    while (pending_.size() < count && !ended_) {
      absl::StatusOr<std::optional<Object>> object = reader_.Next();
      if (!object.ok()) {
        AURORA_RETURN_IF_ERROR(Reject(object.status()));
      } else if (object->has_value()) {
        pending_.push_back(**std::move(object));
      } else {
        ended_ = true;
      }
    }
    if (reader_.failed()) return UnavailableError("cannot read ", arguments_.file);
    return absl::OkStatus();
  }

  absl::Status CreateCollection() {
    if (database_.GetSchema(arguments_.collection).ok()) return absl::OkStatus();
    AURORA_RETURN_IF_ERROR(ReadSome(arguments_.sample));
    SchemaInference inference;
    for (const Object& object : pending_) inference.Add(ObjectView(object));
    AURORA_ASSIGN_OR_RETURN(const Schema schema, WithAttributes(inference.Infer(), arguments_));
    streams_.out << "schema of " << arguments_.collection << ", from the first "
                 << inference.object_count() << " objects:\n"
                 << SchemaTable(schema) << "\n";
    streams_.out.flush();
    return database_.CreateCollection(arguments_.collection, schema).Wait();
  }

  absl::Status InsertPending() {
    for (std::size_t begin = 0; begin < pending_.size(); begin += arguments_.batch) {
      const std::size_t end = std::min(begin + arguments_.batch, pending_.size());
      const auto first = pending_.begin() + static_cast<std::ptrdiff_t>(begin);
      const auto last = pending_.begin() + static_cast<std::ptrdiff_t>(end);
      AURORA_RETURN_IF_ERROR(InsertBatch(std::vector<Object>(first, last)));
    }
    pending_.clear();
    return absl::OkStatus();
  }

  absl::Status InsertBatch(std::vector<Object> objects) {
    const std::size_t count = objects.size();
    const absl::Status inserted =
        database_.InsertMany(arguments_.collection, objects).Wait().status();
    if (inserted.ok()) {
      Acknowledged(count);
    } else if (!arguments_.skip_errors || !IsAboutADocument(inserted)) {
      return inserted;
    } else {
      // One by one, to find those that do not fit.
      for (Object& object : objects) {
        const absl::Status one =
            database_.Insert(arguments_.collection, std::move(object)).Wait().status();
        if (one.ok()) {
          Acknowledged(1);
        } else {
          if (!IsAboutADocument(one)) return one;
          AURORA_RETURN_IF_ERROR(Reject(one));
        }
      }
    }
    progress_.Update(reader_.consumed_bytes());
    return absl::OkStatus();
  }

  static bool IsAboutADocument(const absl::Status& status) {
    return absl::IsInvalidArgument(status) || absl::IsAlreadyExists(status);
  }

  void Acknowledged(std::size_t count) {
    imported_ += count;
    if (arguments_.print_acknowledged) streams_.out << "acknowledged " << imported_ << std::endl;
  }

  Database& database_;
  const ImportArguments& arguments_;
  ObjectReader reader_;
  ProgressBar progress_;
  const Streams streams_;
  std::vector<Object> pending_;
  bool ended_ = false;
  std::uint64_t imported_ = 0;
  std::uint64_t rejected_ = 0;
};

ExitCode RunImport(const ImportArguments& arguments, Streams streams) {
  const bool from_stdin = arguments.file == "-";
  std::ifstream file;
  std::uint64_t size = 0;
  if (!from_stdin) {
    std::error_code error;
    size = std::filesystem::file_size(arguments.file, error);
    file.open(arguments.file, std::ios::binary);
    if (error || !file) return Fail(NotFoundError("cannot open ", arguments.file), streams);
  }
  Options options;
  options.durability = arguments.durability == "sync"      ? Durability::kSync
                       : arguments.durability == "process" ? Durability::kProcess
                                                           : Durability::kBuffered;
  if (arguments.strict) options.limits = DocumentLimits::Strict();
  return WithDatabase(arguments.database, options, streams, [&](Database& database) {
    return Import(database, arguments, from_stdin ? std::cin : file, size, streams).Run();
  });
}

}  // namespace

void AddImport(CommandLine& line) {
  const auto arguments = std::make_shared<ImportArguments>();
  CLI::App& app = line.Add("import", "Imports a file of JSON objects, one a line",
                           [arguments](Streams streams) { return RunImport(*arguments, streams); });
  app.add_option("database", arguments->database,
                 "The directory of the database; created if there is none")
      ->required();
  app.add_option("collection", arguments->collection,
                 "The collection; created, with a schema inferred from the file, if there is none")
      ->required();
  app.add_option("file", arguments->file, "The NDJSON file; - for standard input")->required();
  app.add_option("--index", arguments->indexed, "Fields to index, if the collection is created")
      ->delimiter(',');
  app.add_option("--unique", arguments->unique,
                 "Fields whose values are unique, if the collection is created")
      ->delimiter(',');
  app.add_option("--batch", arguments->batch, "Documents in one commit")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--sample", arguments->sample, "Objects to infer the schema from")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--durability", arguments->durability, "What an acknowledged commit survives")
      ->check(CLI::IsMember({"sync", "process", "buffered"}))
      ->capture_default_str();
  app.add_flag("--skip-errors", arguments->skip_errors,
               "Report objects that cannot be imported, and go on");
  app.add_flag("--print-acknowledged", arguments->print_acknowledged,
               "After each commit, a line with the documents so far");
  app.add_flag("--strict", arguments->strict, "The limits for documents from strangers");
}

}  // namespace aurora::tools
