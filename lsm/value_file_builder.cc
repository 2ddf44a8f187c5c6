#include "aurora/lsm/value_file_builder.h"

#include <algorithm>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {

ValueFileBuilder::ValueFileBuilder(std::unique_ptr<File> file,
                                   const ValueFileBuilderOptions& options)
    : file_(std::move(file)), options_(options) {
  AURORA_CHECK(options.memory != nullptr && options.id != 0);
  AURORA_CHECK(options.write_bytes > 0 && options.write_bytes % kDeviceBlockSize == 0);
  const std::size_t buffer = options.write_bytes + 2 * kValuePieceBytes;
  charge_ = options.memory->Take(MemoryUse::kInFlight, buffer + 3 * kValuePieceBytes);
  output_.Resize(buffer);
  output_.Resize(0);
}

ValueFileBuilder::~ValueFileBuilder() = default;

void ValueFileBuilder::BeginValue(std::uint32_t number) {
  index_.AddValue(number);
  next_number_ = std::uint64_t{number} + 1;
  in_value_ = true;
  value_bytes_ = 0;
  value_begin_ = file_bytes();
}

void ValueFileBuilder::AppendOutput(std::string_view bytes) {
  hash_.Add(bytes);
  output_.Append(bytes);
}

void ValueFileBuilder::AppendPiece(std::string_view raw) {
  stored_.clear();
  index_.AddPiece(AppendStoredBlock(options_.identity, file_bytes(), raw, options_.compression,
                                    &compressed_, &stored_));
  ++piece_count_;
  AppendOutput(stored_);
}

absl::Status ValueFileBuilder::CheckRoom() {
  AURORA_CHECK(!finished_);
  const bool is_full = next_number_ >= UINT32_MAX || piece_count_ >= UINT32_MAX ||
                       index_.SizeEstimate() + 64 > kMaxRawBlockBytes;
  if (status_.ok() && is_full) {
    status_ = ResourceExhaustedError(file_->path(), ": a value file cannot hold more values");
  }
  return status_;
}

Task<absl::StatusOr<ValueHandle>> ValueFileBuilder::Add(std::string_view value) {
  AURORA_CO_RETURN_IF_ERROR(CheckRoom());
  AURORA_CHECK(!in_value_ && !value.empty());
  BeginValue(static_cast<std::uint32_t>(next_number_));
  value_bytes_ = value.size();
  for (; !value.empty(); value.remove_prefix(std::min(value.size(), kValuePieceBytes))) {
    AURORA_CO_RETURN_IF_ERROR(CheckRoom());
    AppendPiece(value.substr(0, kValuePieceBytes));
    AURORA_CO_RETURN_IF_ERROR(co_await WriteIfFull());
  }
  co_return CloseValue();
}

ValueHandle ValueFileBuilder::CloseValue() {
  in_value_ = false;
  ValueHandle handle;
  handle.file = options_.id;
  handle.number = static_cast<std::uint32_t>(next_number_ - 1);
  handle.bytes = value_bytes_;
  handle.stored_bytes = file_bytes() - value_begin_;
  stored_bytes_ += handle.stored_bytes;
  return handle;
}

Task<absl::Status> ValueFileBuilder::Append(std::string_view part) {
  if (!in_value_) {
    AURORA_CO_RETURN_IF_ERROR(CheckRoom());
    BeginValue(static_cast<std::uint32_t>(next_number_));
  }
  value_bytes_ += part.size();
  while (!part.empty()) {
    AURORA_CO_RETURN_IF_ERROR(CheckRoom());
    if (piece_.empty() && part.size() > kValuePieceBytes) {
      AppendPiece(part.substr(0, kValuePieceBytes));
      part.remove_prefix(kValuePieceBytes);
    } else {
      // The last piece is written by EndValue: until then it may be the last.
      if (piece_.size() == kValuePieceBytes) {
        AppendPiece(piece_);
        piece_.clear();
      }
      const std::size_t taken = std::min(part.size(), kValuePieceBytes - piece_.size());
      piece_.append(part.substr(0, taken));
      part.remove_prefix(taken);
    }
    AURORA_CO_RETURN_IF_ERROR(co_await WriteIfFull());
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<ValueHandle>> ValueFileBuilder::EndValue() {
  if (!status_.ok()) co_return status_;
  AURORA_CHECK(in_value_ && !piece_.empty());
  AppendPiece(piece_);
  piece_.clear();
  AURORA_CO_RETURN_IF_ERROR(co_await WriteIfFull());
  co_return CloseValue();
}

Task<absl::Status> ValueFileBuilder::AddStored(std::uint32_t number, bool first,
                                               ValueIndex::Pieces pieces, std::string_view stored) {
  AURORA_CO_RETURN_IF_ERROR(CheckRoom());
  if (first) {
    AURORA_CHECK(number >= next_number_);
    BeginValue(number);
    in_value_ = false;
  }
  const std::uint64_t base = pieces.front().offset;
  for (const BlockHandle& piece : pieces) {
    stored_.clear();
    index_.AddPiece(AppendMovedBlock(options_.identity, file_bytes(), piece,
                                     stored.substr(piece.offset - base, piece.end() - piece.offset),
                                     &stored_));
    ++piece_count_;
    stored_bytes_ += stored_.size();
    AppendOutput(stored_);
    AURORA_CO_RETURN_IF_ERROR(co_await WriteIfFull());
  }
  co_return absl::OkStatus();
}

void ValueFileBuilder::UpdateCharge() {
  charge_.Resize(output_.capacity() + compressed_.capacity() + stored_.capacity() +
                 kValuePieceBytes + 2 * index_.SizeEstimate());
}

Task<absl::Status> ValueFileBuilder::WriteIfFull() {
  if (output_.size() < options_.write_bytes) co_return absl::OkStatus();
  co_return co_await Write();
}

Task<absl::Status> ValueFileBuilder::Write() {
  UpdateCharge();
  const std::size_t whole = output_.size() & ~(kDeviceBlockSize - 1);
  absl::Status written = co_await file_->Write(written_bytes_, output_.span().first(whole));
  if (!written.ok()) {
    status_ = written;
    co_return written;
  }
  written_bytes_ += whole;
  output_.DropFront(whole);
  co_return absl::OkStatus();
}

void ValueFileBuilder::AppendMetadata() {
  ValueFooter footer;
  footer.identity = options_.identity;
  footer.id = options_.id;
  stored_.clear();
  footer.index = AppendStoredBlock(options_.identity, file_bytes(), index_.Finish(),
                                   options_.compression, &compressed_, &stored_);
  AppendOutput(stored_);
  std::string tail(
      (kDeviceBlockSize - (file_bytes() + kValueFooterBytes) % kDeviceBlockSize) % kDeviceBlockSize,
      '\0');
  footer.file_bytes = file_bytes() + tail.size() + kValueFooterBytes;
  AppendValueFooter(footer, &tail);
  AppendOutput(tail);
  AURORA_CHECK(file_bytes() == footer.file_bytes && file_bytes() % kDeviceBlockSize == 0);
}

Task<absl::StatusOr<ValueFileSummary>> ValueFileBuilder::Finish() {
  if (!status_.ok()) co_return status_;
  AURORA_CHECK(!finished_ && !in_value_ && index_.value_count() > 0);
  finished_ = true;
  AppendMetadata();
  AURORA_CO_RETURN_IF_ERROR(co_await Write());
  AURORA_CHECK(output_.size() == 0);
  if (!AURORA_PLANTED_BUG("value-file-skip-sync")) {
    AURORA_CO_RETURN_IF_ERROR(co_await file_->Sync());
  }
  ValueFileSummary summary;
  summary.file_bytes = written_bytes_;
  summary.file_hash = hash_.Digest();
  summary.value_count = index_.value_count();
  summary.stored_bytes = stored_bytes_;
  co_return summary;
}

}  // namespace aurora::lsm
