#include "aurora/lsm/archive_format.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_format.h"
#include "aurora/lsm/coding.h"
#include "aurora/lsm/log_format.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {
namespace {

constexpr std::uint64_t kMagic = 0x3130435241525541;  // "AURARC01", read as bytes
constexpr std::size_t kChecksumOffset = kArchiveHeaderBytes - 8;
constexpr std::size_t kEntryHeaderBytes = 24;
constexpr std::size_t kEntryAlignment = 8;
constexpr std::size_t kValueFileBytes = 48;

constexpr std::string_view kLogSuffix = ".archive";
constexpr std::string_view kRecordSuffix = ".record";
constexpr std::string_view kValuesSuffix = ".values";
constexpr std::size_t kSequenceDigits = 17;
constexpr std::size_t kEpochDigits = 20;
constexpr std::size_t kNumberDigitsLeast = 6;
constexpr std::size_t kHashDigits = 16;

std::uint64_t SeedOf(const LogIdentity& identity) { return FrameSeed(identity, 0); }

void EncodeHeader(const ArchiveHeader& header, char* out) {
  std::memset(out, 0, kArchiveHeaderBytes);
  StoreFixed<std::uint64_t>(out, kMagic);
  StoreFixed<std::uint32_t>(out + 8, kArchiveFormatVersion);
  std::memcpy(out + 16, header.identity.database_id, sizeof header.identity.database_id);
  StoreFixed<std::uint64_t>(out + 32, header.identity.epoch);
  StoreFixed<std::uint64_t>(out + 40, header.previous);
  StoreFixed<std::uint64_t>(out + 48, header.after);
  StoreFixed<std::uint64_t>(out + 56, header.first);
  StoreFixed<std::uint64_t>(out + 64, header.last);
  StoreFixed<std::uint64_t>(out + 72, header.record_count);
  StoreFixed<std::uint64_t>(out + 80, static_cast<std::uint64_t>(header.first_micros));
  StoreFixed<std::uint64_t>(out + 88, static_cast<std::uint64_t>(header.last_micros));
  StoreFixed<std::uint64_t>(out + 96, static_cast<std::uint64_t>(header.greatest_micros));
  StoreFixed<std::uint64_t>(out + 104, header.body_bytes);
  StoreFixed<std::uint64_t>(out + 112, header.body_hash);
  StoreFixed<std::uint64_t>(out + kChecksumOffset, HashBytes({out, kChecksumOffset}));
}

// Takes exactly `digits` of `base` off the front, or at least so many where `more` is set.
std::optional<std::uint64_t> TakeDigits(std::string_view* text, std::size_t digits, int base,
                                        bool more = false) {
  std::size_t count = 0;
  std::uint64_t value = 0;
  for (; count < text->size() && (more || count < digits); ++count) {
    const char c = (*text)[count];
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
    if (digit >= base) break;
    const auto wide = static_cast<std::uint64_t>(base);
    if (value > (UINT64_MAX - static_cast<std::uint64_t>(digit)) / wide) return std::nullopt;
    value = value * wide + static_cast<std::uint64_t>(digit);
  }
  if (count < digits || (count > digits && text->front() == '0')) return std::nullopt;
  text->remove_prefix(count);
  return value;
}

bool TakeDash(std::string_view* text) {
  if (!text->starts_with('-')) return false;
  text->remove_prefix(1);
  return true;
}

std::string Padded(std::uint64_t number, std::size_t digits) {
  return absl::StrFormat("%0*d", static_cast<int>(digits), number);
}

}  // namespace

// --- Writing. ---

ArchiveBuilder::ArchiveBuilder(const LogIdentity& identity, Sequence after)
    : bytes_(kArchiveHeaderBytes, '\0') {
  header_.identity = identity;
  header_.after = after;
}

void ArchiveBuilder::Add(ArchiveEntry::Kind kind, Sequence sequence, std::int64_t micros,
                         std::string_view payload) {
  AURORA_CHECK(sequence > header_.last && sequence <= kMaxSequence);
  AppendFixed64(&bytes_, sequence | static_cast<std::uint64_t>(kind) << 56);
  AppendFixed64(&bytes_, static_cast<std::uint64_t>(micros));
  AppendFixed64(&bytes_, payload.size());
  bytes_.append(payload);
  bytes_.resize(AlignUp(bytes_.size(), kEntryAlignment));
}

void ArchiveBuilder::Count(Sequence sequence, std::int64_t micros) {
  if (header_.record_count++ == 0) {
    header_.first = sequence;
    header_.first_micros = header_.greatest_micros = micros;
  }
  header_.last = sequence;
  header_.last_micros = micros;
  header_.greatest_micros = std::max(header_.greatest_micros, micros);
}

void ArchiveBuilder::AddRecord(Sequence sequence, std::int64_t micros, std::string_view payload) {
  Add(ArchiveEntry::Kind::kRecord, sequence, micros, payload);
  Count(sequence, micros);
}

void ArchiveBuilder::AddRecordFile(Sequence sequence, std::int64_t micros,
                                   const RecordFileReference& file) {
  char payload[kRecordFileReferenceBytes];
  EncodeRecordFileReference(file, payload);
  Add(ArchiveEntry::Kind::kRecordFile, sequence, micros, {payload, sizeof payload});
  Count(sequence, micros);
}

void ArchiveBuilder::AddValueFile(Sequence sequence, const ValueFileInfo& file) {
  std::string payload;
  for (const std::uint64_t field :
       {file.id, file.number, file.size_bytes, file.hash, file.value_count, file.stored_bytes}) {
    AppendFixed64(&payload, field);
  }
  Add(ArchiveEntry::Kind::kValueFile, sequence, 0, payload);
}

std::string ArchiveBuilder::Finish(Sequence previous) {
  AURORA_CHECK(!empty());
  header_.previous = previous;
  header_.body_bytes = bytes_.size() - kArchiveHeaderBytes;
  header_.body_hash =
      HashBytes(std::string_view(bytes_).substr(kArchiveHeaderBytes), SeedOf(header_.identity));
  EncodeHeader(header_, bytes_.data());
  return std::move(bytes_);
}

// --- Reading. ---

absl::StatusOr<ArchiveHeader> DecodeArchiveHeader(std::string_view path, std::string_view bytes) {
  if (bytes.size() < kArchiveHeaderBytes) {
    return DataLossError(path, " is damaged: it has only ", bytes.size(), " bytes");
  }
  const char* const in = bytes.data();
  if (LoadFixed<std::uint64_t>(in + kChecksumOffset) != HashBytes({in, kChecksumOffset}) ||
      LoadFixed<std::uint64_t>(in) != kMagic) {
    return DataLossError(path, " is damaged: its header does not match its checksum");
  }
  if (const auto version = LoadFixed<std::uint32_t>(in + 8); version != kArchiveFormatVersion) {
    return FailedPreconditionError(path, " is of format version ", version,
                                   " of archives; this program reads ", kArchiveFormatVersion);
  }
  ArchiveHeader header;
  std::memcpy(header.identity.database_id, in + 16, sizeof header.identity.database_id);
  header.identity.epoch = LoadFixed<std::uint64_t>(in + 32);
  header.previous = LoadFixed<std::uint64_t>(in + 40);
  header.after = LoadFixed<std::uint64_t>(in + 48);
  header.first = LoadFixed<std::uint64_t>(in + 56);
  header.last = LoadFixed<std::uint64_t>(in + 64);
  header.record_count = LoadFixed<std::uint64_t>(in + 72);
  header.first_micros = static_cast<std::int64_t>(LoadFixed<std::uint64_t>(in + 80));
  header.last_micros = static_cast<std::int64_t>(LoadFixed<std::uint64_t>(in + 88));
  header.greatest_micros = static_cast<std::int64_t>(LoadFixed<std::uint64_t>(in + 96));
  header.body_bytes = LoadFixed<std::uint64_t>(in + 104);
  header.body_hash = LoadFixed<std::uint64_t>(in + 112);
  const bool sound = LoadFixed<std::uint32_t>(in + 12) == 0 && header.record_count > 0 &&
                     header.previous <= header.after && header.after < header.first &&
                     header.first <= header.last && header.last <= kMaxSequence &&
                     header.record_count <= header.last - header.first + 1 &&
                     std::max(header.first_micros, header.last_micros) <= header.greatest_micros &&
                     header.body_bytes <= kArchiveBodyBytesMax &&
                     header.body_bytes % kEntryAlignment == 0;
  if (!sound) return DataLossError(path, " has a header that no database writes");
  return header;
}

absl::StatusOr<ArchiveReader> ArchiveReader::Open(std::string_view path, std::string_view bytes) {
  AURORA_ASSIGN_OR_RETURN(const ArchiveHeader header, DecodeArchiveHeader(path, bytes));
  const std::string_view body = bytes.substr(kArchiveHeaderBytes);
  if (body.size() != header.body_bytes) {
    return DataLossError(path, " is damaged: it has ", bytes.size(), " bytes instead of ",
                         kArchiveHeaderBytes + header.body_bytes);
  }
  if (HashBytes(body, SeedOf(header.identity)) != header.body_hash &&
      !AURORA_PLANTED_BUG("archive-ignore-hash")) {
    return DataLossError(path, " is damaged: its checksum does not match");
  }
  return ArchiveReader(path, header, body);
}

absl::Status ArchiveReader::Damage(std::string_view what) const {
  return DataLossError(path_, " is damaged at offset ", kArchiveHeaderBytes + offset_, ": ", what);
}

absl::StatusOr<bool> ArchiveReader::Next() {
  if (offset_ == body_.size()) {
    const bool complete =
        record_count_ == header_.record_count && last_ == header_.last && named_by_ == 0;
    if (!complete) return Damage("its entries are not those that its header announces");
    return false;
  }
  if (body_.size() - offset_ < kEntryHeaderBytes) return Damage("an entry is cut short");
  const char* const in = body_.data() + offset_;
  const auto word = LoadFixed<std::uint64_t>(in);
  const auto payload_bytes = LoadFixed<std::uint64_t>(in + 16);
  if (payload_bytes > body_.size() - offset_ - kEntryHeaderBytes) {
    return Damage("an entry is cut short");
  }
  entry_ = ArchiveEntry();
  entry_.sequence = word & kMaxSequence;
  entry_.kind = static_cast<ArchiveEntry::Kind>(word >> 56);
  entry_.micros = static_cast<std::int64_t>(LoadFixed<std::uint64_t>(in + 8));
  AURORA_RETURN_IF_ERROR(DecodePayload(body_.substr(offset_ + kEntryHeaderBytes, payload_bytes)));
  AURORA_RETURN_IF_ERROR(Count());
  // The body is a multiple of the alignment long, so the padding is within it.
  offset_ += AlignUp(kEntryHeaderBytes + payload_bytes, kEntryAlignment);
  return true;
}

absl::Status ArchiveReader::DecodePayload(std::string_view payload) {
  if (entry_.kind == ArchiveEntry::Kind::kRecord) {
    entry_.payload = payload;
    return absl::OkStatus();
  }
  if (entry_.kind == ArchiveEntry::Kind::kRecordFile &&
      payload.size() == kRecordFileReferenceBytes) {
    entry_.record = DecodeRecordFileReference(payload);
    return absl::OkStatus();
  }
  if (entry_.kind == ArchiveEntry::Kind::kValueFile && payload.size() == kValueFileBytes) {
    ByteReader reader(payload);
    for (std::uint64_t* const field :
         {&entry_.values.id, &entry_.values.number, &entry_.values.size_bytes, &entry_.values.hash,
          &entry_.values.value_count, &entry_.values.stored_bytes}) {
      *field = reader.ReadFixed64();
    }
    return absl::OkStatus();
  }
  return Damage("an entry of an unknown kind");
}

absl::Status ArchiveReader::Count() {
  if (named_by_ != 0 && entry_.sequence != named_by_) {
    return Damage("a value file without the record that names it");
  }
  if (entry_.kind == ArchiveEntry::Kind::kValueFile) {
    if (entry_.sequence <= last_) return Damage("commits out of order");
    named_by_ = entry_.sequence;
    return absl::OkStatus();
  }
  named_by_ = 0;
  const bool in_order = record_count_ == 0
                            ? entry_.sequence == header_.first
                            : entry_.sequence > last_ && entry_.sequence <= header_.last;
  if (!in_order) return Damage("commits out of order");
  if (entry_.micros > header_.greatest_micros) return Damage("a commit later than the header says");
  last_ = entry_.sequence;
  ++record_count_;
  return absl::OkStatus();
}

// --- Names. ---

std::string LineageName(const LogIdentity& identity) {
  std::string name;
  for (const std::uint8_t byte : identity.database_id) {
    absl::StrAppendFormat(&name, "%02x", byte);
  }
  return StrCat(name, "-", Padded(identity.epoch, kEpochDigits));
}

std::optional<LogIdentity> ParseLineageName(std::string_view name) {
  LogIdentity identity;
  for (std::uint8_t& byte : identity.database_id) {
    const std::optional<std::uint64_t> value = TakeDigits(&name, 2, 16);
    if (!value.has_value()) return std::nullopt;
    byte = static_cast<std::uint8_t>(*value);
  }
  if (!TakeDash(&name)) return std::nullopt;
  const std::optional<std::uint64_t> epoch = TakeDigits(&name, kEpochDigits, 10);
  if (!epoch.has_value() || !name.empty()) return std::nullopt;
  identity.epoch = *epoch;
  return identity;
}

std::string FormatArchiveFileName(const ArchiveFileName& name) {
  if (name.kind == ArchiveFileName::Kind::kLog) {
    return StrCat(Padded(name.first, kSequenceDigits), "-", Padded(name.last, kSequenceDigits),
                  kLogSuffix);
  }
  return StrCat(Padded(name.last, kSequenceDigits), "-", Padded(name.number, kNumberDigitsLeast),
                "-", absl::StrFormat("%016x", name.hash),
                name.kind == ArchiveFileName::Kind::kRecord ? kRecordSuffix : kValuesSuffix);
}

std::optional<ArchiveFileName> ParseArchiveFileName(std::string_view name) {
  ArchiveFileName parsed;
  const std::optional<std::uint64_t> first = TakeDigits(&name, kSequenceDigits, 10);
  if (!first.has_value() || *first == 0 || *first > kMaxSequence || !TakeDash(&name)) {
    return std::nullopt;
  }
  if (name.ends_with(kLogSuffix)) {
    const std::optional<std::uint64_t> last = TakeDigits(&name, kSequenceDigits, 10);
    if (!last.has_value() || *last < *first || *last > kMaxSequence || name != kLogSuffix) {
      return std::nullopt;
    }
    parsed.first = *first;
    parsed.last = *last;
    return parsed;
  }
  parsed.last = *first;
  const std::optional<std::uint64_t> number =
      TakeDigits(&name, kNumberDigitsLeast, 10, /*more=*/true);
  if (!number.has_value() || *number == 0 || !TakeDash(&name)) return std::nullopt;
  const std::optional<std::uint64_t> hash = TakeDigits(&name, kHashDigits, 16);
  if (!hash.has_value() || (name != kRecordSuffix && name != kValuesSuffix)) return std::nullopt;
  parsed.number = *number;
  parsed.hash = *hash;
  parsed.kind =
      name == kRecordSuffix ? ArchiveFileName::Kind::kRecord : ArchiveFileName::Kind::kValues;
  return parsed;
}

ArchiveFileName NameOfRecord(Sequence sequence, const RecordFileReference& file) {
  ArchiveFileName name;
  name.kind = ArchiveFileName::Kind::kRecord;
  name.last = sequence;
  name.number = file.number;
  name.hash = file.hash;
  return name;
}

ArchiveFileName NameOfValues(Sequence sequence, const ValueFileInfo& file) {
  ArchiveFileName name;
  name.kind = ArchiveFileName::Kind::kValues;
  name.last = sequence;
  name.number = file.number;
  name.hash = file.hash;
  return name;
}

}  // namespace aurora::lsm
