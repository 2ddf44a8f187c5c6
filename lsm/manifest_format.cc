#include "aurora/lsm/manifest_format.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

#include "aurora/lsm/coding.h"
#include "aurora/lsm/manifest.capnp.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "capnp/message.h"
#include "capnp/serialize.h"
#include "kj/array.h"
#include "kj/exception.h"
#include "xxhash.h"

namespace aurora::lsm {
namespace {

constexpr char kMagic[4] = {'A', 'M', 'F', '1'};
constexpr std::size_t kAlignment = 8;

std::uint64_t FrameSeed(std::uint64_t manifest_number, std::uint64_t edit_number) {
  return manifest_number * 0x9E3779B97F4A7C15u ^ edit_number;
}

std::uint64_t Hash64(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

struct FrameHeader {
  std::size_t payload_size = 0;
  std::uint64_t edit_number = 0;
  std::uint64_t payload_hash = 0;
};

// The header at `offset`, if it is intact.
std::optional<FrameHeader> ParseHeader(std::uint64_t manifest_number, std::string_view bytes,
                                       std::size_t offset) {
  AURORA_DCHECK(offset <= bytes.size());
  if (bytes.size() - offset < kManifestFrameHeaderSize) return std::nullopt;
  const char* p = bytes.data() + offset;
  if (std::memcmp(p, kMagic, sizeof kMagic) != 0) return std::nullopt;
  FrameHeader header;
  header.payload_size = LoadFixed<std::uint32_t>(p + 4);
  header.edit_number = LoadFixed<std::uint64_t>(p + 8);
  header.payload_hash = LoadFixed<std::uint64_t>(p + 16);
  const std::uint64_t seed = FrameSeed(manifest_number, header.edit_number);
  if (LoadFixed<std::uint64_t>(p + 24) != Hash64(std::string_view(p, 24), seed))
    return std::nullopt;
  if (header.payload_size % kAlignment != 0 || header.payload_size > kManifestPayloadMax) {
    return std::nullopt;
  }
  return header;
}

void AppendFrame(std::uint64_t manifest_number, std::uint64_t edit_number,
                 capnp::MessageBuilder& message, std::string* out) {
  const kj::Array<capnp::word> words = capnp::messageToFlatArray(message);
  const auto payload = words.asPtr().asChars();
  AURORA_CHECK(payload.size() <= kManifestPayloadMax);
  const std::uint64_t seed = FrameSeed(manifest_number, edit_number);
  char header[kManifestFrameHeaderSize];
  std::memcpy(header, kMagic, sizeof kMagic);
  StoreFixed(header + 4, static_cast<std::uint32_t>(payload.size()));
  StoreFixed(header + 8, edit_number);
  StoreFixed(header + 16, Hash64(std::string_view(payload.begin(), payload.size()), seed));
  StoreFixed(header + 24, Hash64(std::string_view(header, 24), seed));
  out->append(header, sizeof header);
  out->append(payload.begin(), payload.size());
}

kj::ArrayPtr<const kj::byte> ToData(std::string_view bytes) {
  return kj::arrayPtr(reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size());
}
std::string FromData(capnp::Data::Reader data) {
  return std::string(reinterpret_cast<const char*>(data.begin()), data.size());
}
std::string FromText(capnp::Text::Reader text) { return std::string(text.cStr(), text.size()); }

void BuildTable(const TableInfo& table, wire::Table::Builder builder) {
  builder.setNumber(table.number);
  builder.setLevel(static_cast<std::uint8_t>(table.level));
  builder.setSizeBytes(table.size_bytes);
  builder.setHash(table.hash);
  builder.setEntryCount(table.entry_count);
  builder.setSmallestKey(ToData(table.smallest_key));
  builder.setLargestKey(ToData(table.largest_key));
  builder.setSmallestSequence(table.smallest_sequence);
  builder.setLargestSequence(table.largest_sequence);
  builder.setRangeDeleteCount(table.range_delete_count);
  builder.setLargestIsExclusive(table.largest_is_exclusive);
  builder.setIngestedAt(table.ingested_at);
  builder.setDeleteCount(table.delete_count);
  builder.setExpiringCount(table.expiring_count);
  builder.setHalfExpiredAt(static_cast<std::uint64_t>(table.half_expired_at));
  if (table.values.empty()) return;
  auto values = builder.initValues(static_cast<unsigned>(table.values.size()));
  for (unsigned i = 0; i < values.size(); ++i) {
    values[i].setFile(table.values[i].file);
    values[i].setValueCount(table.values[i].value_count);
    values[i].setStoredBytes(table.values[i].stored_bytes);
  }
}

TableInfo ReadTable(wire::Table::Reader reader) {
  TableInfo table;
  table.number = reader.getNumber();
  table.level = reader.getLevel();
  table.size_bytes = reader.getSizeBytes();
  table.hash = reader.getHash();
  table.entry_count = reader.getEntryCount();
  table.smallest_key = FromData(reader.getSmallestKey());
  table.largest_key = FromData(reader.getLargestKey());
  table.smallest_sequence = reader.getSmallestSequence();
  table.largest_sequence = reader.getLargestSequence();
  table.range_delete_count = reader.getRangeDeleteCount();
  table.largest_is_exclusive = reader.getLargestIsExclusive();
  table.ingested_at = reader.getIngestedAt();
  table.delete_count = reader.getDeleteCount();
  table.expiring_count = reader.getExpiringCount();
  table.half_expired_at = static_cast<Expiry>(reader.getHalfExpiredAt());
  for (const auto value : reader.getValues()) {
    table.values.push_back({value.getFile(), value.getValueCount(), value.getStoredBytes()});
  }
  return table;
}

void BuildValueFile(const ValueFileInfo& file, wire::ValueFile::Builder builder) {
  builder.setId(file.id);
  builder.setNumber(file.number);
  builder.setSizeBytes(file.size_bytes);
  builder.setHash(file.hash);
  builder.setValueCount(file.value_count);
  builder.setStoredBytes(file.stored_bytes);
}

ValueFileInfo ReadValueFile(wire::ValueFile::Reader reader) {
  return {reader.getId(),   reader.getNumber(),     reader.getSizeBytes(),
          reader.getHash(), reader.getValueCount(), reader.getStoredBytes()};
}

void BuildValueFiles(const ManifestEdit& edit, wire::Edit::Builder builder) {
  if (const auto count = static_cast<unsigned>(edit.added_value_files.size()); count > 0) {
    auto added = builder.initAddedValueFiles(count);
    for (unsigned i = 0; i < count; ++i) BuildValueFile(edit.added_value_files[i], added[i]);
  }
  if (const auto count = static_cast<unsigned>(edit.removed_value_files.size()); count > 0) {
    auto removed = builder.initRemovedValueFiles(count);
    for (unsigned i = 0; i < count; ++i) removed.set(i, edit.removed_value_files[i]);
  }
}

void BuildEdit(const ManifestEdit& edit, wire::Edit::Builder builder) {
  auto added = builder.initAddedTables(static_cast<unsigned>(edit.added_tables.size()));
  for (std::size_t i = 0; i < edit.added_tables.size(); ++i) {
    BuildTable(edit.added_tables[i], added[static_cast<unsigned>(i)]);
  }
  auto removed = builder.initRemovedTables(static_cast<unsigned>(edit.removed_tables.size()));
  for (std::size_t i = 0; i < edit.removed_tables.size(); ++i) {
    removed.set(static_cast<unsigned>(i), edit.removed_tables[i]);
  }
  BuildValueFiles(edit, builder);
  builder.setLogStartSegment(edit.log_start_segment.value_or(0));
  builder.setFlushedThrough(edit.flushed_through.value_or(0));
  builder.setIngestedThrough(edit.ingested_through.value_or(0));
  builder.setReservedThrough(edit.reserved_through.value_or(0));
  builder.setNextFileNumber(edit.next_file_number.value_or(0));
  if (edit.handler_state.has_value()) builder.setHandlerState(ToData(*edit.handler_state));
  if (edit.closed_at.has_value()) builder.setClosedAfter(*edit.closed_at + 1);
}

ManifestEdit ReadEdit(wire::Edit::Reader reader) {
  ManifestEdit edit;
  for (const auto table : reader.getAddedTables()) edit.added_tables.push_back(ReadTable(table));
  for (const std::uint64_t number : reader.getRemovedTables()) {
    edit.removed_tables.push_back(number);
  }
  for (const auto file : reader.getAddedValueFiles()) {
    edit.added_value_files.push_back(ReadValueFile(file));
  }
  for (const std::uint64_t id : reader.getRemovedValueFiles()) {
    edit.removed_value_files.push_back(id);
  }
  const auto set = [](std::uint64_t value, std::optional<std::uint64_t>* field) {
    if (value != 0) *field = value;
  };
  set(reader.getLogStartSegment(), &edit.log_start_segment);
  set(reader.getFlushedThrough(), &edit.flushed_through);
  set(reader.getIngestedThrough(), &edit.ingested_through);
  set(reader.getReservedThrough(), &edit.reserved_through);
  set(reader.getNextFileNumber(), &edit.next_file_number);
  if (reader.hasHandlerState()) edit.handler_state = FromData(reader.getHandlerState());
  if (reader.getClosedAfter() != 0) edit.closed_at = reader.getClosedAfter() - 1;
  return edit;
}

absl::Status ReadHeader(wire::Edit::Reader reader, ManifestState* state) {
  if (!reader.hasHeader()) return DataLossError("the first edit has no header");
  const wire::Header::Reader header = reader.getHeader();
  const std::uint32_t version = header.getFormatVersion();
  if (version < kOldestFormatVersion || version > kFormatVersion) {
    return FailedPreconditionError("the database has format version ", version,
                                   "; this program reads versions ", kOldestFormatVersion, " to ",
                                   kFormatVersion);
  }
  const std::string comparator = FromText(header.getComparator());
  if (comparator != kComparatorName) {
    return FailedPreconditionError("the database orders its keys by ", Quoted(comparator),
                                   "; this program knows ", Quoted(kComparatorName));
  }
  const capnp::Data::Reader id = header.getDatabaseId();
  if (id.size() != sizeof state->identity.database_id) {
    return DataLossError("the database id has ", id.size(), " bytes");
  }
  std::copy(id.begin(), id.end(), state->identity.database_id);
  state->identity.epoch = header.getEpoch();
  state->boot_id = FromText(header.getBootId());
  return absl::OkStatus();
}

// Reads one edit, and into `header` what only a first one has. Cap'n Proto's limits: it may follow
// each pointer of the message a few times, and the schema nests four deep.
absl::StatusOr<ManifestEdit> ReadPayload(std::string_view payload, bool first,
                                         ManifestState* header) {
  AURORA_DCHECK(payload.size() % kAlignment == 0);
  capnp::ReaderOptions limits;
  limits.traversalLimitInWords = 4 * payload.size() / sizeof(capnp::word) + 64;
  limits.nestingLimit = 8;
  kj::Array<capnp::word> words = kj::heapArray<capnp::word>(payload.size() / sizeof(capnp::word));
  if (!payload.empty()) std::memcpy(words.begin(), payload.data(), payload.size());
  try {
    capnp::FlatArrayMessageReader message(words, limits);
    const wire::Edit::Reader reader = message.getRoot<wire::Edit>();
    if (first) AURORA_RETURN_IF_ERROR(ReadHeader(reader, header));
    return ReadEdit(reader);
  } catch (const kj::Exception& e) {
    return DataLossError("not a valid message: ", e.getDescription().cStr());
  } catch (const std::exception& e) {
    return DataLossError("not a valid message: ", e.what());
  }
}

absl::Status DecodePayload(std::string_view payload, bool first, ManifestState* state) {
  AURORA_ASSIGN_OR_RETURN(const ManifestEdit edit, ReadPayload(payload, first, state));
  return ApplyEdit(edit, state);
}

// Why the invalid frame at `offset` can be nothing but an incomplete last append; DataLoss if
// something was written after it.
absl::StatusOr<std::string> ExplainCut(std::string_view path, std::uint64_t manifest_number,
                                       std::string_view bytes, std::size_t offset,
                                       const std::optional<FrameHeader>& header) {
  if (AURORA_PLANTED_BUG("manifest-damage-is-tail")) return std::string("a tail");
  if (header.has_value()) {
    const std::size_t end = offset + kManifestFrameHeaderSize + header->payload_size;
    if (end < bytes.size()) {
      return DataLossError(path, ": the edit at offset ", offset,
                           " is damaged, and others were written after it");
    }
  }
  for (std::size_t next = offset + kAlignment; next + kManifestFrameHeaderSize <= bytes.size();
       next += kAlignment) {
    if (ParseHeader(manifest_number, bytes, next).has_value()) {
      return DataLossError(path, ": the bytes at offset ", offset,
                           " are damaged, and an edit at offset ", next, " was written after them");
    }
  }
  return StrCat("an incomplete edit of ", bytes.size() - offset, " bytes at offset ", offset);
}

absl::Status CheckTable(const TableInfo& table, const ManifestState& state) {
  if (table.level < 0 || table.level >= kLevelCount) {
    return DataLossError("table ", table.number, " is in level ", table.level);
  }
  if (table.EndsBefore(table.smallest_key) || table.largest_sequence < table.smallest_sequence) {
    return DataLossError("table ", table.number, " has an inverted range");
  }
  if (table.half_expired_at < 0 || (table.half_expired_at > 0 && table.expiring_count == 0) ||
      table.expiring_count > table.entry_count) {
    return DataLossError("table ", table.number, " has ", table.expiring_count,
                         " entries that expire, half of all at ", table.half_expired_at);
  }
  if (table.delete_count > table.entry_count) {
    return DataLossError("table ", table.number, " has ", table.delete_count, " deletes among ",
                         table.entry_count, " entries");
  }
  if (table.number == 0 || table.number >= state.next_file_number) {
    return DataLossError("table ", table.number, " is not below the next file number ",
                         state.next_file_number);
  }
  return absl::OkStatus();
}

absl::Status CheckValueFile(const ValueFileInfo& file, const ManifestState& state) {
  if (file.id == 0 || file.id > file.number || file.number >= state.next_file_number) {
    return DataLossError("value file ", file.id, ", as file ", file.number,
                         ", is not below the next file number ", state.next_file_number);
  }
  if (file.value_count == 0 || file.stored_bytes > file.size_bytes) {
    return DataLossError("value file ", file.id, " holds ", file.value_count, " values of ",
                         file.stored_bytes, " bytes in ", file.size_bytes);
  }
  return absl::OkStatus();
}

absl::Status TakeReferences(const TableInfo& table, ManifestState* state) {
  for (const ValueReference& reference : table.values) {
    const auto found = state->value_files.find(reference.file);
    if (found == state->value_files.end()) {
      return DataLossError("table ", table.number, " needs value file ", reference.file,
                           ", which is not there");
    }
    ValueFileUse& use = found->second;
    if (reference.value_count > use.info.value_count - use.live_count ||
        reference.stored_bytes > use.info.stored_bytes - use.live_bytes) {
      return DataLossError("the tables need more of value file ", reference.file, " than it holds");
    }
    use.live_count += reference.value_count;
    use.live_bytes += reference.stored_bytes;
  }
  return absl::OkStatus();
}

// A table that is there has taken them.
void GiveReferencesBack(const TableInfo& table, ManifestState* state) {
  for (const ValueReference& reference : table.values) {
    ValueFileUse& use = state->value_files.at(reference.file);
    use.live_count -= reference.value_count;
    use.live_bytes -= reference.stored_bytes;
  }
}

absl::Status RemoveTables(const ManifestEdit& edit, ManifestState* state) {
  for (const std::uint64_t number : edit.removed_tables) {
    const auto found = state->tables.find(number);
    if (found == state->tables.end()) {
      return DataLossError("table ", number, " is removed but was not there");
    }
    GiveReferencesBack(found->second, state);
    state->tables.erase(found);
  }
  return absl::OkStatus();
}

// Of a value file that is replaced by another of the same id, the tables need what they needed.
absl::Status ChangeValueFiles(const ManifestEdit& edit, ManifestState* state) {
  std::map<std::uint64_t, ValueFileUse> removed;
  for (const std::uint64_t id : edit.removed_value_files) {
    auto node = state->value_files.extract(id);
    if (node.empty()) return DataLossError("value file ", id, " is removed but was not there");
    removed.insert(std::move(node));
  }
  for (const ValueFileInfo& file : edit.added_value_files) {
    AURORA_RETURN_IF_ERROR(CheckValueFile(file, *state));
    ValueFileUse use{file, 0, 0};
    if (const auto before = removed.find(file.id); before != removed.end()) {
      use.live_count = before->second.live_count;
      use.live_bytes = before->second.live_bytes;
      removed.erase(before);
    }
    if (use.live_count > file.value_count || use.live_bytes > file.stored_bytes) {
      return DataLossError("value file ", file.id, " is replaced by one that has less than the ",
                           "tables need");
    }
    if (!state->value_files.emplace(file.id, use).second) {
      return DataLossError("value file ", file.id, " is added twice");
    }
  }
  for (const auto& [id, use] : removed) {
    if (use.live_count != 0) {
      return DataLossError("value file ", id, " is removed, and tables need it");
    }
  }
  return absl::OkStatus();
}

absl::Status Advance(std::string_view name, const std::optional<std::uint64_t>& value,
                     std::uint64_t* field) {
  if (!value.has_value()) return absl::OkStatus();
  if (*value < *field) return DataLossError(name, " goes back from ", *field, " to ", *value);
  *field = *value;
  return absl::OkStatus();
}

}  // namespace

std::uint64_t TableInfo::value_bytes() const {
  std::uint64_t bytes = 0;
  for (const ValueReference& reference : values) bytes += reference.stored_bytes;
  return bytes;
}

absl::Status ApplyEdit(const ManifestEdit& edit, ManifestState* state) {
  AURORA_RETURN_IF_ERROR(
      Advance("the next file number", edit.next_file_number, &state->next_file_number));
  AURORA_RETURN_IF_ERROR(
      Advance("the log's start", edit.log_start_segment, &state->log_start_segment));
  AURORA_RETURN_IF_ERROR(
      Advance("the flushed sequence", edit.flushed_through, &state->flushed_through));
  AURORA_RETURN_IF_ERROR(
      Advance("the ingested sequence", edit.ingested_through, &state->ingested_through));
  AURORA_RETURN_IF_ERROR(
      Advance("the reserved sequence", edit.reserved_through, &state->reserved_through));
  AURORA_RETURN_IF_ERROR(RemoveTables(edit, state));
  AURORA_RETURN_IF_ERROR(ChangeValueFiles(edit, state));
  for (const TableInfo& table : edit.added_tables) {
    AURORA_RETURN_IF_ERROR(CheckTable(table, *state));
    AURORA_RETURN_IF_ERROR(TakeReferences(table, state));
    if (!state->tables.emplace(table.number, table).second) {
      return DataLossError("table ", table.number, " is added twice");
    }
  }
  if (edit.handler_state.has_value()) state->handler_state = *edit.handler_state;
  state->closed_at = edit.closed_at;
  return absl::OkStatus();
}

void AppendSnapshotFrame(std::uint64_t manifest_number, const ManifestState& state,
                         std::string* out) {
  ManifestEdit edit;
  edit.added_tables.reserve(state.tables.size());
  for (const auto& [number, table] : state.tables) edit.added_tables.push_back(table);
  for (const auto& [id, use] : state.value_files) edit.added_value_files.push_back(use.info);
  edit.log_start_segment = state.log_start_segment;
  edit.flushed_through = state.flushed_through;
  edit.ingested_through = state.ingested_through;
  edit.reserved_through = state.reserved_through;
  edit.next_file_number = state.next_file_number;
  edit.handler_state = state.handler_state;

  capnp::MallocMessageBuilder message;
  const wire::Edit::Builder root = message.initRoot<wire::Edit>();
  wire::Header::Builder header = wire::Edit::Builder(root).initHeader();
  header.setFormatVersion(kFormatVersion);
  header.setDatabaseId(kj::arrayPtr(state.identity.database_id, sizeof state.identity.database_id));
  header.setEpoch(state.identity.epoch);
  header.setComparator(std::string(kComparatorName).c_str());
  header.setBootId(state.boot_id.c_str());
  BuildEdit(edit, root);
  AppendFrame(manifest_number, 0, message, out);
}

void AppendEditFrame(std::uint64_t manifest_number, std::uint64_t edit_number,
                     const ManifestEdit& edit, std::string* out) {
  AURORA_CHECK(edit_number > 0);
  capnp::MallocMessageBuilder message;
  BuildEdit(edit, message.initRoot<wire::Edit>());
  AppendFrame(manifest_number, edit_number, message, out);
}

std::string EncodeTables(const std::vector<TableInfo>& tables) {
  ManifestEdit edit;
  edit.added_tables = tables;
  capnp::MallocMessageBuilder message;
  BuildEdit(edit, message.initRoot<wire::Edit>());
  const kj::Array<capnp::word> words = capnp::messageToFlatArray(message);
  const auto payload = words.asPtr().asChars();
  return std::string(payload.begin(), payload.size());
}

absl::StatusOr<std::vector<TableInfo>> DecodeTables(std::string_view bytes) {
  if (bytes.size() % kAlignment != 0) return DataLossError("not a whole number of words");
  AURORA_ASSIGN_OR_RETURN(ManifestEdit edit, ReadPayload(bytes, /*first=*/false, nullptr));
  for (const TableInfo& table : edit.added_tables) {
    if (table.number == 0 || table.EndsBefore(table.smallest_key)) {
      return DataLossError("table ", table.number, " cannot be");
    }
  }
  return std::move(edit.added_tables);
}

absl::StatusOr<DecodedManifest> DecodeManifest(std::string_view path, std::uint64_t manifest_number,
                                               std::string_view bytes) {
  DecodedManifest decoded;
  std::size_t offset = 0;
  while (offset < bytes.size() || decoded.edit_count == 0) {
    const std::optional<FrameHeader> header = ParseHeader(manifest_number, bytes, offset);
    const std::size_t begin = offset + kManifestFrameHeaderSize;
    bool intact = false;
    std::string_view payload;
    if (header.has_value() && header->payload_size <= bytes.size() - begin) {
      payload = bytes.substr(begin, header->payload_size);
      intact = Hash64(payload, FrameSeed(manifest_number, header->edit_number)) ==
                   header->payload_hash ||
               AURORA_PLANTED_BUG("manifest-ignore-hash");
    }
    if (!intact) {
      if (decoded.edit_count == 0) {
        return DataLossError(path, ": the first edit, which was synced before the file was used, ",
                             "is damaged (", bytes.size(), " bytes in the file)");
      }
      AURORA_ASSIGN_OR_RETURN(decoded.cut_reason,
                              ExplainCut(path, manifest_number, bytes, offset, header));
      break;
    }
    if (header->edit_number != decoded.edit_count) {
      return DataLossError(path, ": edit ", header->edit_number, " at offset ", offset,
                           " where edit ", decoded.edit_count, " was expected");
    }
    if (absl::Status status = DecodePayload(payload, decoded.edit_count == 0, &decoded.state);
        !status.ok()) {
      return Annotate(status, StrCat(path, ", edit at offset ", offset));
    }
    offset = begin + header->payload_size;
    ++decoded.edit_count;
  }
  decoded.valid_bytes = offset;
  return decoded;
}

namespace {

// The frame whose header is at `offset`.
ManifestFrame ReadFrame(std::uint64_t manifest_number, std::string_view bytes, std::size_t offset,
                        const FrameHeader& header) {
  ManifestFrame frame;
  frame.offset = offset;
  frame.edit_number = header.edit_number;
  const std::size_t begin = offset + kManifestFrameHeaderSize;
  frame.bytes = std::min(bytes.size() - offset, kManifestFrameHeaderSize + header.payload_size);
  if (bytes.size() - begin < header.payload_size) {
    frame.status = DataLossError("the file ends within the edit");
    return frame;
  }
  const std::string_view payload = bytes.substr(begin, header.payload_size);
  if (Hash64(payload, FrameSeed(manifest_number, header.edit_number)) != header.payload_hash) {
    frame.status = DataLossError("wrong checksum");
    return frame;
  }
  const bool first = header.edit_number == 0;
  ManifestState state;
  absl::StatusOr<ManifestEdit> edit = ReadPayload(payload, first, &state);
  frame.status = edit.status();
  if (!edit.ok()) return frame;
  frame.edit = *std::move(edit);
  if (first) frame.identity = state.identity;
  frame.boot_id = std::move(state.boot_id);
  return frame;
}

}  // namespace

void VisitManifestFrames(std::uint64_t manifest_number, std::string_view bytes,
                         absl::FunctionRef<void(const ManifestFrame&)> visit) {
  for (std::size_t offset = 0; offset < bytes.size();) {
    if (const auto header = ParseHeader(manifest_number, bytes, offset); header.has_value()) {
      const ManifestFrame frame = ReadFrame(manifest_number, bytes, offset, *header);
      visit(frame);
      offset += frame.bytes;
      continue;
    }
    std::size_t next = offset + kAlignment;
    while (next < bytes.size() && !ParseHeader(manifest_number, bytes, next).has_value()) {
      next += kAlignment;
    }
    ManifestFrame gap;
    gap.offset = offset;
    gap.bytes = std::min(next, bytes.size()) - offset;
    gap.status = DataLossError("no valid edit");
    visit(gap);
    offset += gap.bytes;
  }
}

}  // namespace aurora::lsm
