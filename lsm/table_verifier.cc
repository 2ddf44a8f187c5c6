#include "aurora/lsm/table_verifier.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "aurora/lsm/file_verifier.h"
#include "aurora/lsm/filter.h"
#include "aurora/lsm/table_properties.h"
#include "aurora/lsm/value_format.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {
namespace {

class TableVerifier {
 public:
  TableVerifier(FileSystem* files, std::string path, const TableIdentity& identity,
                std::optional<TableInfo> info)
      : files_(files), path_(std::move(path)), identity_(identity), info_(std::move(info)) {}

  Task<absl::StatusOr<TableVerdict>> Run() {
    std::optional<FileFigures> figures;
    if (info_.has_value()) figures = FileFigures{info_->size_bytes, info_->hash};
    AURORA_CO_ASSIGN(verdict_.file_bytes,
                     co_await VerifyWholeFile(files_, path_, figures, &verdict_.damage));
    AURORA_CO_ASSIGN(const std::unique_ptr<TableSurvey> survey,
                     co_await TableSurvey::Open(files_, path_, identity_));
    bool whole = survey->index().has_value();
    while (co_await survey->Next()) {
      const TableSurvey::Piece& piece = survey->piece();
      whole = whole && piece.block != nullptr;
      if (piece.block != nullptr) CheckBlock(*survey, *piece.block);
    }
    for (const FileDamage& damage : survey->damage()) verdict_.damage.push_back(damage);
    verdict_.entry_count = survey->entry_count();
    sums_.values = values_.Finish();
    if (whole && !survey->may_lack_range_deletes()) CompareSums(*survey);
    verdict_.values = std::move(sums_.values);
    co_return std::move(verdict_);
  }

 private:
  void CheckBlock(const TableSurvey& survey, const Block& block) {
    ++verdict_.block_count;
    place_ = {survey.piece().handle.offset,
              survey.piece().handle.end() - survey.piece().handle.offset};
    sums_.data_bytes += place_.bytes;
    Block::Cursor cursor;
    cursor.Reset(&block);
    for (cursor.SeekToFirst(); cursor.Valid(); cursor.Next()) {
      TakeEntry(survey, cursor.key(), cursor.value());
    }
    if (!survey.index().has_value()) return;
    const EntryKey separator = survey.index()->separator(survey.piece_number());
    if (separator < EntryKey{last_key_, last_version_}) {
      Damage(place_, StrCat("the index says that the block ends before key ", Quoted(last_key_)));
    }
    below_ = separator.key;
    below_version_ = separator.version;
  }

  void TakeEntry(const TableSurvey& survey, EntryKey key, std::string_view value) {
    const bool first = sums_.entry_count == 0;
    const bool new_key = first || key.key != last_key_;
    if (!first && !(EntryKey{last_key_, last_version_} < key)) {
      DamageOnce(&told_order_, StrCat("keys are out of order: ", Quoted(key.key), " follows ",
                                      Quoted(last_key_)));
    }
    if (survey.index().has_value() && survey.piece_number() > 0 &&
        !(EntryKey{below_, below_version_} < key)) {
      DamageOnce(&told_index_,
                 StrCat("the index says that key ", Quoted(key.key), " is in an earlier block"));
    }
    if (key.version.kind() == EntryKind::kSeparatedPut) {
      const PutForm form = ParsePutForm(value);
      if (form.expires()) expiries_.push_back(form.expiry);
      const absl::StatusOr<ValueHandle> handle = DecodeValueHandle(form.content);
      if (!form.is_separated) {
        // The value itself, of which nothing is known.
      } else if (handle.ok()) {
        values_.Add(*handle);
      } else {
        DamageOnce(&told_handle_,
                   StrCat("key ", Quoted(key.key), ": ", ToStd(handle.status().message())));
      }
    }
    if (new_key && survey.filter().has_value() && !survey.filter()->MayContain(HashKey(key.key))) {
      DamageOnce(&told_filter_, StrCat("the filter denies key ", Quoted(key.key)));
    }
    AddToSums(key, value, new_key);
  }

  void AddToSums(EntryKey key, std::string_view value, bool new_key) {
    if (sums_.entry_count == 0) {
      sums_.smallest_key = key.key;
      sums_.smallest_sequence = sums_.largest_sequence = key.version.sequence();
    }
    ++sums_.entry_count;
    sums_.delete_count += key.version.kind() == EntryKind::kDelete;
    sums_.merge_count += key.version.kind() == EntryKind::kMerge;
    sums_.key_count += new_key;
    sums_.raw_key_bytes += key.key.size();
    sums_.raw_value_bytes += value.size();
    sums_.smallest_sequence = std::min(sums_.smallest_sequence, key.version.sequence());
    sums_.largest_sequence = std::max(sums_.largest_sequence, key.version.sequence());
    last_key_ = key.key;
    last_version_ = key.version;
  }

  void CompareSums(const TableSurvey& survey) {
    sums_.largest_key = last_key_;
    sums_.data_block_count = verdict_.block_count;
    sums_.expiring_count = expiries_.size();
    sums_.half_expired_at = HalfExpiredAt(sums_.entry_count, sums_.delete_count, &expiries_);
    if (survey.range_deletes() != nullptr) {
      sums_.IncludeRangeDeletes(survey.range_deletes()->all());
    }
    const FileRange all{0, verdict_.file_bytes};
    if (survey.properties().has_value()) {
      TableProperties stated = *survey.properties();
      // What no block can tell.
      stated.filter_bits_per_key = sums_.filter_bits_per_key;
      stated.filter_pages = sums_.filter_pages;
      stated.smallest_sequence += identity_.ingested_at;
      stated.largest_sequence += identity_.ingested_at;
      if (stated != sums_) Damage(all, "the properties do not agree with the data");
      const bool filtered = survey.properties()->filter_bits_per_key > 0;
      if (filtered != (survey.footer().has_value() && survey.footer()->filter.stored_bytes != 0)) {
        Damage(all, "the properties and the footer do not agree whether there is a filter");
      }
    }
    if (!info_.has_value()) return;
    std::vector<ValueReference> references;
    for (const TableValues& values : sums_.values) references.push_back(values.sum);
    const bool agrees = info_->values == references && info_->entry_count == sums_.entry_count &&
                        info_->smallest_key == sums_.smallest_key &&
                        info_->largest_key == sums_.largest_key &&
                        info_->largest_is_exclusive == sums_.largest_is_exclusive &&
                        info_->range_delete_count == sums_.range_delete_count &&
                        // Manifests of format 2 and before do not say it.
                        (info_->delete_count == 0 || info_->delete_count == sums_.delete_count) &&
                        info_->expiring_count == sums_.expiring_count &&
                        info_->half_expired_at == sums_.half_expired_at &&
                        info_->smallest_sequence == sums_.smallest_sequence &&
                        info_->largest_sequence == sums_.largest_sequence;
    if (!agrees) Damage(all, "the manifest's figures do not agree with the data");
  }

  void Damage(FileRange where, std::string what) {
    verdict_.damage.push_back({where, std::move(what)});
  }
  // Of each kind the first: where one entry is wrong, thousands may be.
  void DamageOnce(bool* told, std::string what) {
    if (!std::exchange(*told, true)) Damage(place_, std::move(what));
  }

  FileSystem* const files_;
  const std::string path_;
  const TableIdentity identity_;
  const std::optional<TableInfo> info_;
  TableVerdict verdict_;
  TableProperties sums_;
  TableValuesBuilder values_;
  std::vector<Expiry> expiries_;
  FileRange place_;
  std::string last_key_;
  Version last_version_;
  std::string below_;  // the separator of the block before
  Version below_version_;
  bool told_order_ = false;
  bool told_index_ = false;
  bool told_handle_ = false;
  bool told_filter_ = false;
};

}  // namespace

Task<absl::StatusOr<TableVerdict>> VerifyTable(FileSystem* files, std::string path,
                                               TableIdentity identity,
                                               std::optional<TableInfo> info) {
  TableVerifier verifier(files, std::move(path), identity, std::move(info));
  co_return co_await verifier.Run();
}

}  // namespace aurora::lsm
