#include "aurora/tools/commands/importer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "aurora/engine/document/schema_inference.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/status.h"
#include "aurora/tools/interrupt.h"

namespace aurora::tools {
namespace {

bool Names(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The inferred schema with the attributes that are asked for.
absl::StatusOr<Schema> WithAttributes(const Schema& inferred, const Importer::Settings& settings) {
  for (const std::vector<std::string>* names : {&settings.indexed, &settings.unique}) {
    for (const std::string& name : *names) {
      if (inferred.Find(name) != nullptr) continue;
      return InvalidArgumentError("no object has a field ", Quoted(name), " to index");
    }
  }
  Schema schema;
  for (FieldSchema field : inferred.fields()) {
    if (Names(settings.indexed, field.name))
      field.attributes = field.attributes | FieldAttributes(kIndexed);
    if (Names(settings.unique, field.name))
      field.attributes = field.attributes | FieldAttributes(kUnique);
    schema.Add(std::move(field));
  }
  if (inferred.open()) schema.Open();
  AURORA_RETURN_IF_ERROR(schema.Validate());
  return schema;
}

}  // namespace

absl::Status Importer::Run() {
  window_ = settings_.batch;
  const absl::StatusOr<Schema> existing = database_.GetSchema(settings_.collection);
  AURORA_RETURN_IF_ERROR(existing.ok() ? CheckAttributes(*existing) : CreateCollection());
  while (true) {
    AURORA_RETURN_IF_ERROR(InsertRows());
    if (!stopped_.ok()) return stopped_;
    if (ended_) return absl::OkStatus();
    stopped_ = ReadRows(settings_.batch);
  }
}

absl::Status Importer::CheckAttributes(const Schema& schema) const {
  for (const auto& [names, attribute] :
       {std::pair(&settings_.indexed, kIndexed), std::pair(&settings_.unique, kUnique)}) {
    for (const std::string& name : *names) {
      const FieldSchema* const field = schema.Find(name);
      if (field != nullptr && field->attributes.Has(attribute)) continue;
      return FailedPreconditionError(
          "collection ", Quoted(settings_.collection), " exists, and its field ", Quoted(name),
          " is not ", attribute == kUnique ? "unique" : "indexed",
          "; --index and --unique are for a collection that the import creates");
    }
  }
  return absl::OkStatus();
}

// From a sample that was read whole: if reading stops within it, nothing is written at all.
absl::Status Importer::CreateCollection() {
  AURORA_RETURN_IF_ERROR(ReadRows(settings_.sample));
  if (rows_.empty()) {
    return InvalidArgumentError("there is no object in the input from which the schema of ",
                                Quoted(settings_.collection), " could be inferred");
  }
  SchemaInference inference;
  for (const Row& row : rows_) inference.Add(ObjectView(row.object));
  AURORA_ASSIGN_OR_RETURN(const Schema schema, WithAttributes(inference.Infer(), settings_));
  AURORA_RETURN_IF_ERROR(database_.CreateCollection(settings_.collection, schema).Wait());
  events_.created(schema, inference.object_count());
  return absl::OkStatus();
}

absl::Status Importer::ReadRows(std::size_t count) {
  while (rows_.size() < count) {
    if (InterruptScope::Signal() != 0) return CancelledError("interrupted");
    absl::StatusOr<std::optional<Row>> row = reader_.Next();
    if (!row.ok()) {
      if (reader_.failed()) return row.status();
      AURORA_RETURN_IF_ERROR(Reject(reader_.line(), row.status()));
    } else if (row->has_value()) {
      rows_.push_back(**std::move(row));
    } else {
      ended_ = true;
      break;
    }
  }
  return absl::OkStatus();
}

// In commits of window_ rows. Where one is refused, what stands before it is committed, and the
// window shrinks, so that a file full of bad rows does not have the good ones prepared again and
// again; it grows back as rows are accepted.
absl::Status Importer::InsertRows() {
  std::size_t begin = 0;
  while (begin < rows_.size()) {
    if (InterruptScope::Signal() != 0) return CancelledError("interrupted");
    const std::size_t end = std::min(begin + window_, rows_.size());
    const absl::Status inserted = Insert(begin, end);
    const std::optional<std::size_t> refused = RefusedObject(inserted);
    if (inserted.ok()) {
      window_ = std::min(2 * window_, settings_.batch);
      begin = end;
    } else if (!refused.has_value()) {
      return inserted;
    } else if (end - begin == 1) {
      AURORA_RETURN_IF_ERROR(
          Reject(rows_[begin].line, Annotate(inserted, StrCat("line ", rows_[begin].line))));
      ++begin;
    } else {
      window_ = std::max<std::size_t>(*refused, 1);
    }
  }
  rows_.clear();
  if (ended_ || stopped_.ok()) next_line_ = std::max(next_line_, reader_.line() + 1);
  return absl::OkStatus();
}

absl::Status Importer::Insert(std::size_t begin, std::size_t end) {
  std::vector<Object> objects;
  objects.reserve(end - begin);
  for (std::size_t i = begin; i < end; ++i) objects.push_back(rows_[i].object);
  AURORA_RETURN_IF_ERROR(
      database_.InsertMany(settings_.collection, std::move(objects)).Wait().status());
  imported_ += end - begin;
  next_line_ = rows_[end - 1].line + 1;
  events_.committed(rows_[end - 1].position_bytes);
  return absl::OkStatus();
}

absl::Status Importer::Reject(std::uint64_t line, const absl::Status& why) {
  if (!settings_.skip_errors) return why;
  ++rejected_;
  events_.rejected(Rejection{line, std::string(ToStd(why.message()))});
  return absl::OkStatus();
}

}  // namespace aurora::tools
