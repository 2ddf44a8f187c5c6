#include "aurora/lsm/backup_format.h"

#include <xxhash.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <exception>
#include <system_error>
#include <utility>

#include "aurora/lsm/backup.capnp.h"
#include "aurora/lsm/coding.h"
#include "aurora/lsm/log_format.h"
#include "aurora/lsm/record_file.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "capnp/message.h"
#include "capnp/serialize.h"
#include "kj/array.h"
#include "kj/exception.h"

namespace aurora::lsm {
namespace {

constexpr char kMagic[] = "AURBAK01";
constexpr std::size_t kHeaderBytes = 32;
constexpr std::string_view kBackupSuffix = ".backup";
// Of the manifest frame inside a backup, which has no file of its own.
constexpr std::uint64_t kInnerManifest = 1;

std::uint64_t Hash64(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::string SixDigits(std::uint64_t number) {
  std::string digits = std::to_string(number);
  if (digits.size() < 6) digits.insert(0, 6 - digits.size(), '0');
  return digits;
}

std::string SharedName(std::uint64_t number, std::uint64_t hash, std::string_view suffix) {
  char hex[17];
  std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(hash));
  return StrCat(SixDigits(number), "-", hex, suffix);
}

absl::Status CheckLog(const BackupContents& contents) {
  std::uint64_t before = 0;
  for (const BackupLogPart& part : contents.log) {
    const bool ascending = part.number > before && part.number <= UINT32_MAX;
    const bool fits = part.bytes >= kSegmentHeaderBytes && part.bytes <= part.padded_bytes &&
                      part.padded_bytes <= kMaxSegmentBytes &&
                      part.padded_bytes % kDeviceBlockSize == 0;
    if (!ascending || !fits) {
      return DataLossError("log segment ", part.number, " of ", part.bytes, " bytes cannot be");
    }
    before = part.number;
  }
  for (const RecordFileReference& file : contents.record_files) {
    if (file.number == 0 || file.payload_bytes > kMaxRecordBytes) {
      return DataLossError("record file ", file.number, " of ", file.payload_bytes,
                           " bytes cannot be");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<BackupContents> Read(std::string_view path, wire::Backup::Reader reader) {
  if (reader.getFormatVersion() != kBackupFormatVersion) {
    return FailedPreconditionError(path, " has format version ", reader.getFormatVersion(),
                                   "; this program knows version ", kBackupFormatVersion);
  }
  BackupContents contents;
  contents.created_micros = reader.getCreatedMicros();
  contents.label = std::string(reader.getLabel().cStr(), reader.getLabel().size());
  contents.sequence = reader.getSequence();
  const capnp::Data::Reader frame = reader.getManifest();
  AURORA_ASSIGN_OR_RETURN(
      DecodedManifest manifest,
      DecodeManifest(path, kInnerManifest,
                     {reinterpret_cast<const char*>(frame.begin()), frame.size()}));
  if (manifest.edit_count != 1 || !manifest.cut_reason.empty()) {
    return DataLossError(path, ": the description of the tables is not one whole frame");
  }
  contents.state = std::move(manifest.state);
  for (const wire::LogPart::Reader part : reader.getLog()) {
    contents.log.push_back(
        {part.getNumber(), part.getBytes(), part.getHash(), part.getPaddedBytes()});
  }
  for (const wire::RecordFile::Reader file : reader.getRecordFiles()) {
    contents.record_files.push_back({file.getNumber(), file.getPayloadBytes(), file.getHash()});
  }
  AURORA_RETURN_IF_ERROR(CheckLog(contents));
  return contents;
}

// The payload, if header and payload are intact.
absl::StatusOr<std::string_view> Payload(std::string_view path, std::uint64_t id,
                                         std::string_view bytes) {
  if (bytes.size() < kHeaderBytes || std::memcmp(bytes.data(), kMagic, 8) != 0) {
    return DataLossError(path, " is not a backup, or its beginning is damaged");
  }
  if (LoadFixed<std::uint64_t>(bytes.data() + 24) != Hash64(bytes.substr(0, 24), id)) {
    return DataLossError(path, ": the header is damaged, or the file was renamed");
  }
  const std::string_view payload = bytes.substr(kHeaderBytes);
  if (LoadFixed<std::uint64_t>(bytes.data() + 8) != payload.size() || payload.size() % 8 != 0) {
    return DataLossError(path, " has ", bytes.size(), " bytes, not those that its header states");
  }
  if (LoadFixed<std::uint64_t>(bytes.data() + 16) != Hash64(payload, id)) {
    return DataLossError(path, " is damaged: its checksum does not match");
  }
  return payload;
}

}  // namespace

std::string EncodeBackup(std::uint64_t id, const BackupContents& contents) {
  capnp::MallocMessageBuilder message;
  auto builder = message.initRoot<wire::Backup>();
  builder.setFormatVersion(kBackupFormatVersion);
  builder.setCreatedMicros(contents.created_micros);
  builder.setLabel(contents.label.c_str());
  builder.setSequence(contents.sequence);
  std::string frame;
  AppendSnapshotFrame(kInnerManifest, contents.state, &frame);
  builder.setManifest(kj::arrayPtr(reinterpret_cast<const kj::byte*>(frame.data()), frame.size()));
  auto log = builder.initLog(static_cast<unsigned>(contents.log.size()));
  for (unsigned i = 0; i < log.size(); ++i) {
    log[i].setNumber(static_cast<std::uint32_t>(contents.log[i].number));
    log[i].setBytes(contents.log[i].bytes);
    log[i].setHash(contents.log[i].hash);
    log[i].setPaddedBytes(contents.log[i].padded_bytes);
  }
  auto files = builder.initRecordFiles(static_cast<unsigned>(contents.record_files.size()));
  for (unsigned i = 0; i < files.size(); ++i) {
    files[i].setNumber(contents.record_files[i].number);
    files[i].setPayloadBytes(contents.record_files[i].payload_bytes);
    files[i].setHash(contents.record_files[i].hash);
  }
  const kj::Array<capnp::word> words = capnp::messageToFlatArray(message);
  const auto payload = words.asPtr().asChars();
  std::string bytes(kHeaderBytes, '\0');
  std::memcpy(bytes.data(), kMagic, 8);
  StoreFixed(bytes.data() + 8, std::uint64_t{payload.size()});
  StoreFixed(bytes.data() + 16, Hash64({payload.begin(), payload.size()}, id));
  StoreFixed(bytes.data() + 24, Hash64(std::string_view(bytes).substr(0, 24), id));
  bytes.append(payload.begin(), payload.size());
  return bytes;
}

absl::StatusOr<BackupContents> DecodeBackup(std::string_view path, std::uint64_t id,
                                            std::string_view bytes) {
  AURORA_ASSIGN_OR_RETURN(const std::string_view payload, Payload(path, id, bytes));
  capnp::ReaderOptions limits;
  limits.traversalLimitInWords = 4 * payload.size() / sizeof(capnp::word) + 64;
  limits.nestingLimit = 8;
  kj::Array<capnp::word> words = kj::heapArray<capnp::word>(payload.size() / sizeof(capnp::word));
  if (!payload.empty()) std::memcpy(words.begin(), payload.data(), payload.size());
  try {
    capnp::FlatArrayMessageReader message(words, limits);
    return Read(path, message.getRoot<wire::Backup>());
  } catch (const kj::Exception& e) {
    return DataLossError(path, ": not a valid message: ", e.getDescription().cStr());
  } catch (const std::exception& e) {
    return DataLossError(path, ": not a valid message: ", e.what());
  }
}

BackupFile FileOfTable(const TableInfo& table) {
  return {SharedName(table.number, table.hash, ".table"), table.size_bytes, table.hash};
}

BackupFile FileOfValues(const ValueFileInfo& file) {
  return {SharedName(file.number, file.hash, ".values"), file.size_bytes, file.hash};
}

BackupFile FileOfLogPart(const BackupLogPart& part) {
  return {SharedName(part.number, part.hash, ".log"), part.bytes, part.hash};
}

BackupFile FileOfRecord(const RecordFileReference& file) {
  return {SharedName(file.number, file.hash, ".record"), RecordFileBytes(file.payload_bytes),
          file.hash};
}

std::vector<BackupFile> FilesOf(const BackupContents& contents) {
  std::vector<BackupFile> files;
  files.reserve(contents.state.tables.size() + contents.state.value_files.size() +
                contents.log.size() + contents.record_files.size());
  for (const auto& [number, table] : contents.state.tables) files.push_back(FileOfTable(table));
  for (const auto& [id, use] : contents.state.value_files) files.push_back(FileOfValues(use.info));
  for (const BackupLogPart& part : contents.log) files.push_back(FileOfLogPart(part));
  for (const RecordFileReference& file : contents.record_files) {
    files.push_back(FileOfRecord(file));
  }
  return files;
}

std::string BackupFileName(std::uint64_t id) {
  AURORA_CHECK(id > 0);
  return StrCat(SixDigits(id), kBackupSuffix);
}

std::uint64_t ParseBackupFileName(std::string_view name) {
  std::uint64_t id = 0;
  const auto [next, error] = std::from_chars(name.data(), name.data() + name.size(), id);
  static_cast<void>(next);
  if (error != std::errc() || id == 0 || BackupFileName(id) != name) return 0;
  return id;
}

}  // namespace aurora::lsm
