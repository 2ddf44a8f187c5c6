#include "aurora/engine/record.h"

#include "aurora/index/row_set.h"
#include "aurora/lsm/coding.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora::engine {
namespace {

constexpr char kEnvelopeVersion = 1;

void AppendBytes(std::string* out, std::string_view bytes) {
  lsm::AppendVarint(out, bytes.size());
  out->append(bytes);
}

bool HasDefinition(OperationKind kind) {
  return kind == OperationKind::kDefineCollection || kind == OperationKind::kMigrate;
}

bool OfDocument(OperationKind kind) {
  return kind == OperationKind::kInsert || kind == OperationKind::kUpdate ||
         kind == OperationKind::kDelete;
}

void AppendDocumentOperation(std::string* out, const Operation& operation) {
  lsm::AppendVarint(out, operation.row);
  lsm::AppendVarint(out, operation.schema_version);
  AppendBytes(out, operation.id);
  if (operation.kind != OperationKind::kDelete) AppendBytes(out, operation.document);
  if (operation.kind == OperationKind::kUpdate) {
    lsm::AppendVarint(out, operation.changed_slots.size());
    for (const std::uint32_t slot : operation.changed_slots) lsm::AppendVarint(out, slot);
  }
  if (operation.kind != OperationKind::kInsert) AppendBytes(out, operation.old_document);
}

bool ReadSlots(lsm::ByteReader* reader, std::vector<std::uint32_t>* slots) {
  const std::uint64_t count = reader->ReadVarint64();
  if (count > reader->remaining()) return false;  // each takes a byte at least
  slots->reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    slots->push_back(reader->ReadVarint32());
    if (i > 0 && slots->back() <= (*slots)[i - 1]) return false;
  }
  return true;
}

bool ReadDocumentOperation(lsm::ByteReader* reader, Operation* operation) {
  operation->row = reader->ReadVarint64();
  operation->schema_version = reader->ReadVarint32();
  operation->id = reader->ReadLengthPrefixed();
  if (operation->row > index::kMaxRowId) return false;
  if (operation->kind != OperationKind::kDelete) operation->document = reader->ReadLengthPrefixed();
  if (operation->kind == OperationKind::kUpdate && !ReadSlots(reader, &operation->changed_slots))
    return false;
  if (operation->kind != OperationKind::kInsert)
    operation->old_document = reader->ReadLengthPrefixed();
  return reader->ok();
}

bool ReadBackfillOperation(lsm::ByteReader* reader, Operation* operation) {
  operation->keyspace = reader->ReadVarint32();
  operation->next_row = reader->ReadVarint64();
  operation->backfill = reader->ReadLengthPrefixed();
  return reader->ok() && operation->next_row <= index::kMaxRowId + 1 &&
         DecodeBackfill(operation->backfill, operation->next_row).ok();
}

bool ReadOperation(lsm::ByteReader* reader, Operation* operation) {
  operation->kind = static_cast<OperationKind>(reader->ReadByte());
  operation->collection = reader->ReadVarint32();
  if (OfDocument(operation->kind)) return ReadDocumentOperation(reader, operation);
  if (operation->kind == OperationKind::kBackfillIndex) {
    return ReadBackfillOperation(reader, operation);
  }
  if (HasDefinition(operation->kind)) operation->definition = reader->ReadLengthPrefixed();
  return reader->ok() &&
         (HasDefinition(operation->kind) || operation->kind == OperationKind::kDropCollection);
}

}  // namespace

std::string EncodeBackfill(const std::vector<BackfilledRow>& rows) {
  std::string out;
  std::uint64_t last = 0;
  for (const BackfilledRow& row : rows) {
    AURORA_DCHECK(row.row >= last);
    lsm::AppendVarint(&out, row.row - last);
    AppendBytes(&out, row.value);
    last = row.row;
  }
  return out;
}

absl::StatusOr<std::vector<BackfilledRow>> DecodeBackfill(std::string_view bytes,
                                                          std::uint64_t next_row) {
  lsm::ByteReader reader(bytes);
  std::vector<BackfilledRow> rows;
  std::uint64_t last = 0;
  while (reader.ok() && reader.remaining() > 0) {
    const std::uint64_t step = reader.ReadVarint64();
    const bool ascends = (step > 0 || rows.empty()) && step < next_row && last + step < next_row;
    if (!ascends) return DataLossError("backfill: row ", rows.size() + 1, " is out of order");
    last += step;
    rows.push_back({last, reader.ReadLengthPrefixed()});
  }
  if (!reader.Finished()) return DataLossError("backfill: malformed");
  return rows;
}

std::string EncodeRecord(const Record& record) {
  std::size_t size = 64 + record.label.size();
  for (const Operation& operation : record.operations) {
    size += 64 + operation.id.size() + operation.document.size() + operation.old_document.size() +
            operation.definition.size() + operation.backfill.size() +
            5 * operation.changed_slots.size();
  }
  std::string out;
  out.reserve(size);
  out.push_back(kEnvelopeVersion);
  lsm::AppendVarint(&out, record.transaction_id);
  AppendBytes(&out, record.label);
  lsm::AppendVarint(&out, lsm::ZigZag(record.tick_micros));
  lsm::AppendVarint(&out, record.operations.size());
  for (const Operation& operation : record.operations) {
    out.push_back(static_cast<char>(operation.kind));
    lsm::AppendVarint(&out, operation.collection);
    if (OfDocument(operation.kind)) {
      AURORA_DCHECK(operation.row <= index::kMaxRowId);
      AppendDocumentOperation(&out, operation);
    } else if (HasDefinition(operation.kind)) {
      AppendBytes(&out, operation.definition);
    } else if (operation.kind == OperationKind::kBackfillIndex) {
      lsm::AppendVarint(&out, operation.keyspace);
      lsm::AppendVarint(&out, operation.next_row);
      AppendBytes(&out, operation.backfill);
    }
  }
  return out;
}

absl::StatusOr<Record> DecodeRecord(std::string_view bytes) {
  lsm::ByteReader reader(bytes);
  if (reader.ReadByte() != kEnvelopeVersion)
    return DataLossError("log record: unknown envelope version");
  Record record;
  record.transaction_id = reader.ReadVarint64();
  record.label = reader.ReadLengthPrefixed();
  record.tick_micros = lsm::UnZigZag(reader.ReadVarint64());
  const std::uint64_t count = reader.ReadVarint64();
  if (count > reader.remaining()) return DataLossError("log record: more operations than bytes");
  for (std::uint64_t i = 0; i < count; ++i) {
    if (!ReadOperation(&reader, &record.operations.emplace_back())) {
      return DataLossError("log record: operation ", i + 1, " of ", count, " is malformed");
    }
  }
  if (!reader.Finished()) return DataLossError("log record: malformed or followed by other bytes");
  return record;
}

}  // namespace aurora::engine
