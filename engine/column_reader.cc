#include "aurora/engine/column_reader.h"

#include <string>
#include <utility>

#include "aurora/engine/document/document.h"
#include "aurora/engine/document/schema.h"
#include "aurora/engine/index_entries.h"
#include "aurora/engine/stored_document.h"
#include "aurora/runtime/status.h"

namespace aurora::engine {

using index::ChunkId;

std::optional<FieldSlot> ColumnReader::NumberField(std::string_view name) const {
  const FieldSchema* const field = read_->definition.layout->schema().Find(name);
  if (field == nullptr) return std::nullopt;
  if (field->type != Type::kInt64 && field->type != Type::kDouble) return std::nullopt;
  return field->id;
}

Task<absl::StatusOr<ColumnReader::Cells>> ColumnReader::Read(FieldSlot field, ChunkId chunk,
                                                             std::uint64_t rows) const {
  const index::ColumnId column{read_->definition.id, field};
  index::NumberColumns::Found found = read_->columns.Find(column, chunk, read_->at, rows);
  if (found.worth_filling) return Fill(read_, field, chunk);
  return absl::StatusOr<Cells>(std::move(found.cells));
}

Task<absl::StatusOr<ColumnReader::Cells>> ColumnReader::Fill(const QueryRead* read, FieldSlot field,
                                                             ChunkId chunk) {
  const CollectionDefinition& definition = read->definition;
  const std::string begin = RowKey(index::RowAt(chunk, 0));
  const bool is_last = chunk == index::ChunkOf(index::kMaxRowId);
  const std::string end = is_last ? std::string() : RowKey(index::RowAt(chunk + 1, 0));
  lsm::IterateOptions options;
  options.at = read->at;
  options.lower = begin;
  options.upper = end;
  options.fill_cache = false;
  options.profile = &read->profile;
  const std::unique_ptr<lsm::Iterator> documents =
      read->store.NewIterator(definition.documents, options);
  auto cells = std::make_shared<index::NumberChunk>();
  AURORA_CO_RETURN_IF_ERROR(co_await documents->SeekToFirst());
  while (documents->Valid()) {
    AURORA_CO_RETURN_IF_ERROR(read->guard.OnEntry());
    AURORA_CO_ASSIGN(const index::RowId row, ParseRowKey(documents->key()));
    const absl::StatusOr<DocumentView> view =
        ViewStoredDocument(*definition.layout, documents->value());
    if (!view.ok()) {
      co_return Annotate(view.status(),
                         StrCat("collection ", Quoted(definition.name), ", row ", row));
    }
    ++read->profile.documents_read;
    cells->Set(index::PlaceOf(row), NumberCellOf(view->Find(field)));
    AURORA_CO_RETURN_IF_ERROR(co_await documents->Next());
  }
  read->columns.Fill({definition.id, field}, chunk, read->at, cells);
  co_return Cells(std::move(cells));
}

}  // namespace aurora::engine
