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

class PostingCursor final : public TermCursor {
 public:
  PostingCursor(lsm::Store& store, lsm::KeyspaceId keyspace, const lsm::IterateOptions& options,
                bool descending)
      : keyspace_(keyspace),
        entries_(store.NewIterator(keyspace, options)),
        descending_(descending) {}

  Task<absl::StatusOr<bool>> Next() override {
    do {
      AURORA_CO_RETURN_IF_ERROR(co_await Move());
      if (!entries_->Valid()) co_return false;
      AURORA_CO_RETURN_IF_ERROR(Take());
    } while (rows_.empty());
    co_return true;
  }
  std::string_view term() const override { return term_; }
  const std::vector<RowId>& rows() const override { return rows_; }

 private:
  AURORA_TASK_WRAPPER Task<absl::Status> Move() {
    if (!std::exchange(begun_, true)) {
      if (!descending_) return entries_->SeekToFirst();
      return BeginLastTerm(/*at_end=*/true);
    }
    if (!descending_) return entries_->Next();
    return MoveDown();
  }

  // Down the terms, but up the chunks of each: after the last chunk of a term, on which the
  // iterator stands where a term has one chunk only, comes the term before it.
  Task<absl::Status> MoveDown() {
    if (!climbing_) {
      AURORA_CO_RETURN_IF_ERROR(co_await entries_->Prev());
      co_return co_await BeginLastTerm(/*at_end=*/false);
    }
    AURORA_CO_RETURN_IF_ERROR(co_await entries_->Next());
    if (entries_->Valid()) {
      AURORA_CO_ASSIGN(const ChunkKeyView key, ParseChunkKey(keyspace_, entries_->key()));
      if (key.term == term_) co_return absl::OkStatus();
    }
    climbing_ = false;
    const std::string first = ChunkKey(term_, 0);
    AURORA_CO_RETURN_IF_ERROR(co_await entries_->SeekBackward(first));
    // The first chunk may be that one itself.
    if (entries_->Valid() && entries_->key() == first) {
      AURORA_CO_RETURN_IF_ERROR(co_await entries_->Prev());
    }
    co_return co_await BeginLastTerm(/*at_end=*/false);
  }

  // Moves to the first chunk of the term on whose last chunk the iterator stands.
  Task<absl::Status> BeginLastTerm(bool at_end) {
    if (at_end) AURORA_CO_RETURN_IF_ERROR(co_await entries_->SeekToLast());
    if (!entries_->Valid()) co_return absl::OkStatus();
    AURORA_CO_ASSIGN(const ChunkKeyView last, ParseChunkKey(keyspace_, entries_->key()));
    if (last.chunk == 0) co_return absl::OkStatus();
    const std::string term(last.term);
    const ChunkId chunk = last.chunk;
    AURORA_CO_RETURN_IF_ERROR(co_await entries_->Seek(ChunkKey(term, 0)));
    AURORA_CHECK(entries_->Valid());
    AURORA_CO_ASSIGN(const ChunkKeyView first, ParseChunkKey(keyspace_, entries_->key()));
    climbing_ = first.chunk != chunk;
    co_return absl::OkStatus();
  }

  absl::Status Take() {
    AURORA_ASSIGN_OR_RETURN(const ChunkKeyView key, ParseChunkKey(keyspace_, entries_->key()));
    term_.assign(key.term);
    rows_.clear();
    const absl::Status read = AppendPostingRows(entries_->value(), key.chunk, &rows_);
    return Annotate(read, StrCat("index ", keyspace_));
  }

  const lsm::KeyspaceId keyspace_;
  const std::unique_ptr<lsm::Iterator> entries_;
  const bool descending_;
  bool begun_ = false;
  bool climbing_ = false;  // descending: the term has more chunks, above this one
  std::string term_;
  std::vector<RowId> rows_;
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
  return std::make_unique<PostingCursor>(*store_, keyspace_, options, descending);
}

}  // namespace aurora::index
