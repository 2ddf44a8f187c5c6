#include "aurora/lsm/value_survey.h"

#include <utility>

#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {

Task<absl::StatusOr<std::unique_ptr<ValueSurvey>>> ValueSurvey::Open(FileSystem* files,
                                                                     std::string path,
                                                                     TableIdentity identity) {
  AURORA_CO_ASSIGN(std::unique_ptr<PatientFile> file,
                   co_await PatientFile::Open(files, std::move(path)));
  std::unique_ptr<ValueSurvey> survey(new ValueSurvey(std::move(file), identity));
  co_await survey->ReadMetadata();
  co_return survey;
}

void ValueSurvey::Damage(std::uint64_t offset, std::uint64_t bytes, std::string what) {
  damage_.push_back({{offset, bytes}, std::move(what)});
}

Task<void> ValueSurvey::ReadMetadata() {
  const std::uint64_t size = file_->size();
  if (size < kValueFooterBytes || size % kDeviceBlockSize != 0) {
    Damage(0, size, StrCat("a value file cannot have ", size, " bytes"));
    co_return;
  }
  const std::uint64_t begin = size - kValueFooterBytes;
  absl::StatusOr<ValueFooter> footer = ParseAnyValueFooter(co_await file_->Read(begin, size), size);
  if (footer.ok() && (footer->identity.database_id != identity_.database_id ||
                      footer->identity.file_number != identity_.file_number)) {
    footer = DataLossError("the file is another one: number ", footer->identity.file_number);
  }
  if (!footer.ok()) {
    Damage(begin, kValueFooterBytes, std::string(ToStd(footer.status().message())));
    co_return;
  }
  footer_ = *footer;
  const BlockHandle handle = footer_->index;
  const std::uint64_t index_bytes = handle.end() - handle.offset;
  const absl::StatusOr<std::unique_ptr<char[]>> raw = co_await ReadPiece(handle);
  if (!raw.ok()) {
    Damage(handle.offset, index_bytes, StrCat("index: ", ToStd(raw.status().message())));
    co_return;
  }
  absl::StatusOr<ValueIndex> index =
      ValueIndex::Open({raw->get(), handle.raw_bytes}, handle.offset);
  if (!index.ok()) {
    Damage(handle.offset, index_bytes, StrCat("index: ", ToStd(index.status().message())));
    co_return;
  }
  index_ = *std::move(index);
  const std::string_view padding = co_await file_->Read(handle.end(), begin);
  if (padding.find_first_not_of('\0') != std::string_view::npos) {
    Damage(handle.end(), begin - handle.end(), "bytes that must be zero are not");
  }
}

Task<absl::StatusOr<std::unique_ptr<char[]>>> ValueSurvey::ReadPiece(BlockHandle piece) {
  const std::string_view stored = co_await file_->Read(piece.offset, piece.end());
  co_return DecodeStoredBlock(identity_, piece, stored);
}

Task<absl::StatusOr<std::string>> ValueSurvey::Read(std::uint32_t number) {
  if (!index_.has_value()) {
    co_return DataLossError(path(), ": its index cannot be read");
  }
  const ValueIndex::Pieces pieces = index_->Find(number);
  if (pieces.empty()) co_return NotFoundError(path(), " has no value ", number);
  std::string value;
  for (const BlockHandle& piece : pieces) {
    const absl::StatusOr<std::unique_ptr<char[]>> raw = co_await ReadPiece(piece);
    if (!raw.ok()) {
      co_return Annotate(raw.status(), StrCat(path(), ", value at offset ", piece.offset));
    }
    value.append(raw->get(), piece.raw_bytes);
  }
  co_return value;
}

Task<void> ValueSurvey::CheckValues() {
  if (!index_.has_value()) co_return;
  for (std::size_t i = 0; i < index_->value_count(); ++i) {
    for (const BlockHandle& piece : index_->pieces(i)) {
      const absl::StatusOr<std::unique_ptr<char[]>> raw = co_await ReadPiece(piece);
      if (raw.ok()) continue;
      Damage(piece.offset, piece.end() - piece.offset,
             StrCat("value ", index_->number(i), ": ", ToStd(raw.status().message())));
    }
  }
}

Task<absl::StatusOr<ValueFileVerdict>> VerifyValueFile(FileSystem* files, std::string path,
                                                       TableIdentity identity,
                                                       std::optional<ValueFileInfo> info) {
  ValueFileVerdict verdict;
  std::optional<FileFigures> figures;
  if (info.has_value()) figures = FileFigures{info->size_bytes, info->hash};
  AURORA_CO_ASSIGN(verdict.file_bytes,
                   co_await VerifyWholeFile(files, path, figures, &verdict.damage));
  AURORA_CO_ASSIGN(const std::unique_ptr<ValueSurvey> survey,
                   co_await ValueSurvey::Open(files, std::move(path), identity));
  co_await survey->CheckValues();
  const std::vector<FileDamage>& damage = survey->damage();
  verdict.damage.insert(verdict.damage.end(), damage.begin(), damage.end());
  const FileRange all{0, verdict.file_bytes};
  if (info.has_value() && survey->footer().has_value() && survey->footer()->id != info->id) {
    verdict.damage.push_back({all, StrCat("the file holds the values ", survey->footer()->id,
                                          ", the manifest says ", info->id)});
  }
  if (!survey->index().has_value()) co_return verdict;
  std::uint64_t stored_bytes = 0;
  for (std::size_t i = 0; i < survey->index()->value_count(); ++i) {
    stored_bytes += StoredBytes(survey->index()->pieces(i));
  }
  if (info.has_value() &&
      (survey->index()->value_count() != info->value_count || stored_bytes != info->stored_bytes)) {
    verdict.damage.push_back({all, "the manifest's figures do not agree with the index"});
  }
  verdict.index = survey->index();
  co_return verdict;
}

Task<absl::Status> ValueSalvage::Add(std::string path, TableIdentity identity,
                                     std::vector<FileDamage>* findings) {
  AURORA_CO_ASSIGN(std::unique_ptr<ValueSurvey> survey,
                   co_await ValueSurvey::Open(&files_, std::move(path), identity));
  findings->insert(findings->end(), survey->damage().begin(), survey->damage().end());
  if (!survey->index().has_value()) co_return absl::OkStatus();
  const std::uint64_t id = survey->footer()->id;
  surveys_.emplace(id, std::move(survey));
  co_return absl::OkStatus();
}

Task<absl::StatusOr<std::string>> ValueSalvage::Read(std::string_view handle) {
  AURORA_CO_ASSIGN(const ValueHandle parsed, DecodeValueHandle(handle));
  absl::Status lost =
      DataLossError("no file that can be read holds value ", parsed.number, " of ", parsed.file);
  const auto [begin, end] = surveys_.equal_range(parsed.file);
  for (auto it = begin; it != end; ++it) {
    absl::StatusOr<std::string> value = co_await it->second->Read(parsed.number);
    if (value.ok() && value->size() == parsed.bytes) co_return *std::move(value);
    if (!value.ok() && !absl::IsNotFound(value.status())) lost = value.status();
  }
  co_return lost;
}

}  // namespace aurora::lsm
