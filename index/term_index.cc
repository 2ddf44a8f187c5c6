#include "aurora/index/term_index.h"

#include <optional>
#include <utility>

#include "aurora/index/posting.h"
#include "aurora/index/row_key.h"
#include "aurora/lsm/pinned_value.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora::index {
namespace {

// The parts of a key, which was read from the store.
struct ChunkKeyView {
  std::string_view term;
  ChunkId chunk = 0;
};

absl::StatusOr<ChunkKeyView> ParseChunkKey(lsm::KeyspaceId index, std::string_view key) {
  if (key.size() <= kChunkKeyBytes)
    return DataLossError("index ", index, ": a key of ", key.size(), " bytes");
  ChunkKeyView parts{key.substr(0, key.size() - kChunkKeyBytes)};
  for (const char byte : key.substr(parts.term.size()))
    parts.chunk = parts.chunk << 8 | static_cast<unsigned char>(byte);
  return parts;
}

// The first key above those of all chunks of `term`, whose last byte may be any.
std::string AfterTerm(std::string_view term) {
  std::string key(term);
  key.append(kChunkKeyBytes, '\xFF');
  key.push_back('\0');
  return key;
}

lsm::IterateOptions OptionsAt(lsm::Sequence at, lsm::OperationProfile* profile) {
  lsm::IterateOptions options;
  options.at = at;
  options.profile = profile;
  return options;
}

// --- Walking ---

struct Step {
  std::string term;
  std::vector<RowId> rows;

  absl::Status Take(lsm::KeyspaceId index, const lsm::Iterator& entries) {
    AURORA_ASSIGN_OR_RETURN(const ChunkKeyView key, ParseChunkKey(index, entries.key()));
    term.assign(key.term);
    rows.clear();
    return Annotate(AppendPostingRows(entries.value(), key.chunk, &rows), StrCat("index ", index));
  }
};

class AscendingCursor final : public TermCursor {
 public:
  AscendingCursor(lsm::Store& store, lsm::KeyspaceId keyspace, const lsm::IterateOptions& options)
      : keyspace_(keyspace), entries_(store.NewIterator(keyspace, options)) {}

  Task<absl::StatusOr<bool>> Next() override {
    do {
      AURORA_CO_RETURN_IF_ERROR(co_await Move());
      if (!entries_->Valid()) co_return false;
      AURORA_CO_RETURN_IF_ERROR(step_.Take(keyspace_, *entries_));
    } while (step_.rows.empty());
    co_return true;
  }
  std::string_view term() const override { return step_.term; }
  const std::vector<RowId>& rows() const override { return step_.rows; }

 private:
  AURORA_TASK_WRAPPER Task<absl::Status> Move() {
    return std::exchange(begun_, true) ? entries_->Next() : entries_->SeekToFirst();
  }

  const lsm::KeyspaceId keyspace_;
  const std::unique_ptr<lsm::Iterator> entries_;
  bool begun_ = false;
  Step step_;
};

// Down the terms, but up the chunks of each. Most terms have one chunk; so the iterator goes down,
// and turns only for a term that has more.
class DescendingCursor final : public TermCursor {
 public:
  DescendingCursor(lsm::Store& store, lsm::KeyspaceId keyspace, const lsm::IterateOptions& options)
      : keyspace_(keyspace), entries_(store.NewIterator(keyspace, options)) {}

  Task<absl::StatusOr<bool>> Next() override {
    if (!std::exchange(begun_, true)) AURORA_CO_RETURN_IF_ERROR(co_await entries_->SeekToLast());
    do {
      if (climbing_) {
        AURORA_CO_RETURN_IF_ERROR(co_await Climb());
      } else {
        if (!entries_->Valid()) co_return false;
        AURORA_CO_RETURN_IF_ERROR(co_await Descend());
      }
    } while (step_.rows.empty());
    co_return true;
  }
  std::string_view term() const override { return step_.term; }
  const std::vector<RowId>& rows() const override { return step_.rows; }

 private:
  absl::StatusOr<bool> IsAtTerm() const {
    if (!entries_->Valid()) return false;
    AURORA_ASSIGN_OR_RETURN(const ChunkKeyView key, ParseChunkKey(keyspace_, entries_->key()));
    return key.term == step_.term;
  }

  // Takes the last chunk of a term, on which the iterator stands, and moves to the term below; or
  // to the first chunk, if there are more, and takes that.
  Task<absl::Status> Descend() {
    AURORA_CO_RETURN_IF_ERROR(step_.Take(keyspace_, *entries_));
    AURORA_CO_RETURN_IF_ERROR(co_await entries_->Prev());
    AURORA_CO_ASSIGN(climbing_, IsAtTerm());
    if (!climbing_) co_return absl::OkStatus();
    const std::string first = ChunkKey(step_.term, 0);
    AURORA_CO_RETURN_IF_ERROR(co_await entries_->Seek(first));
    co_return step_.Take(keyspace_, *entries_);
  }

  // Takes the next chunk of the term; without another, moves below the term and takes nothing.
  Task<absl::Status> Climb() {
    step_.rows.clear();
    AURORA_CO_RETURN_IF_ERROR(co_await entries_->Next());
    AURORA_CO_ASSIGN(climbing_, IsAtTerm());
    if (climbing_) co_return step_.Take(keyspace_, *entries_);
    const std::string first = ChunkKey(step_.term, 0);
    AURORA_CO_RETURN_IF_ERROR(co_await entries_->SeekBackward(first));
    AURORA_CO_ASSIGN(const bool at_first, IsAtTerm());  // which the term has
    if (at_first) AURORA_CO_RETURN_IF_ERROR(co_await entries_->Prev());
    co_return absl::OkStatus();
  }

  const lsm::KeyspaceId keyspace_;
  const std::unique_ptr<lsm::Iterator> entries_;
  bool begun_ = false;
  bool climbing_ = false;
  Step step_;
};

class UniqueCursor final : public TermCursor {
 public:
  UniqueCursor(lsm::Store& store, lsm::KeyspaceId keyspace, const lsm::IterateOptions& options,
               bool descending)
      : keyspace_(keyspace),
        entries_(store.NewIterator(keyspace, options)),
        descending_(descending) {}

  Task<absl::StatusOr<bool>> Next() override {
    AURORA_CO_RETURN_IF_ERROR(co_await Move());
    if (!entries_->Valid()) co_return false;
    const absl::StatusOr<RowId> row = ParseRowKey(entries_->value());
    if (!row.ok()) co_return Annotate(row.status(), StrCat("index ", keyspace_));
    rows_.assign(1, *row);
    co_return true;
  }
  std::string_view term() const override { return entries_->key(); }
  const std::vector<RowId>& rows() const override { return rows_; }

 private:
  AURORA_TASK_WRAPPER Task<absl::Status> Move() {
    if (std::exchange(begun_, true)) return descending_ ? entries_->Prev() : entries_->Next();
    return descending_ ? entries_->SeekToLast() : entries_->SeekToFirst();
  }

  const lsm::KeyspaceId keyspace_;
  const std::unique_ptr<lsm::Iterator> entries_;
  const bool descending_;
  bool begun_ = false;
  std::vector<RowId> rows_;
};

}  // namespace

Task<absl::StatusOr<SharedRows>> TermIndex::Rows(std::string_view term) const {
  if (unique_) return ReadUnique(*this, std::string(term));
  if (cache_ != nullptr) {
    if (SharedRows rows = cache_->Find(keyspace_, term, at_); rows != nullptr) {
      return absl::StatusOr<SharedRows>(std::move(rows));
    }
  }
  return ReadRows(*this, std::string(term));
}

Task<absl::StatusOr<SharedRows>> TermIndex::ReadUnique(TermIndex self, std::string term) {
  AURORA_CO_ASSIGN(const std::optional<lsm::PinnedValue> value,
                   co_await self.store_->Get(self.keyspace_, term, self.at_, self.profile_));
  RowSet rows;
  if (value.has_value()) {
    const absl::StatusOr<RowId> row = ParseRowKey(value->view());
    if (!row.ok()) co_return Annotate(row.status(), StrCat("index ", self.keyspace_));
    rows.Add(*row);
  }
  co_return std::make_shared<const RowSet>(std::move(rows));
}

Task<absl::StatusOr<SharedRows>> TermIndex::ReadRows(TermIndex self, std::string term) {
  const std::unique_ptr<lsm::Iterator> entries =
      self.store_->NewIterator(self.keyspace_, OptionsAt(self.at_, self.profile_));
  RowSet rows;
  const std::string first = ChunkKey(term, 0);
  AURORA_CO_RETURN_IF_ERROR(co_await entries->Seek(first));
  while (entries->Valid()) {
    AURORA_CO_ASSIGN(const ChunkKeyView key, ParseChunkKey(self.keyspace_, entries->key()));
    // Terms are prefix-free, so the chunks of this one are exactly the keys that are it and a
    // chunk.
    if (key.term != term) break;
    absl::StatusOr<PostingDelta> posting = PostingDelta::Decode(entries->value());
    if (!posting.ok()) co_return Annotate(posting.status(), StrCat("index ", self.keyspace_));
    rows.AppendChunk(key.chunk, std::move(posting->added));
    AURORA_CO_RETURN_IF_ERROR(co_await entries->Next());
  }
  auto shared = std::make_shared<const RowSet>(std::move(rows));
  if (self.cache_ != nullptr) self.cache_->Fill(self.keyspace_, term, self.at_, shared);
  co_return shared;
}

Task<absl::StatusOr<SharedTerms>> TermIndex::Terms() const {
  if (cache_ == nullptr) return absl::StatusOr<SharedTerms>(SharedTerms());
  PostingCache::Directory directory = cache_->FindTerms(keyspace_, at_);
  if (directory.wide || directory.terms != nullptr) {
    return absl::StatusOr<SharedTerms>(std::move(directory.terms));
  }
  return ReadTerms(*this);
}

Task<absl::StatusOr<SharedTerms>> TermIndex::ReadTerms(TermIndex self) {
  lsm::IterateOptions options = OptionsAt(self.at_, self.profile_);
  const std::unique_ptr<lsm::Iterator> entries = self.store_->NewIterator(self.keyspace_, options);
  std::vector<std::string> terms;
  std::size_t bytes = 0;
  AURORA_CO_RETURN_IF_ERROR(co_await entries->SeekToFirst());
  while (entries->Valid()) {
    AURORA_CO_ASSIGN(const ChunkKeyView key, ParseChunkKey(self.keyspace_, entries->key()));
    terms.emplace_back(key.term);
    bytes += key.term.size();
    if (terms.size() > PostingCache::kNarrowTermsMax || bytes > PostingCache::kNarrowBytesMax) {
      self.cache_->SetWide(self.keyspace_);
      co_return SharedTerms();
    }
    const std::string after = AfterTerm(terms.back());
    AURORA_CO_RETURN_IF_ERROR(co_await entries->Seek(after));
  }
  self.cache_->FillTerms(self.keyspace_, self.at_, terms);
  co_return std::make_shared<const std::vector<std::string>>(std::move(terms));
}

std::unique_ptr<TermCursor> TermIndex::Walk(const TermRange& range, bool descending) const {
  lsm::IterateOptions options = OptionsAt(at_, profile_);
  options.lower = range.begin;
  options.upper = range.end;
  if (unique_) return std::make_unique<UniqueCursor>(*store_, keyspace_, options, descending);
  if (descending) return std::make_unique<DescendingCursor>(*store_, keyspace_, options);
  return std::make_unique<AscendingCursor>(*store_, keyspace_, options);
}

}  // namespace aurora::index
