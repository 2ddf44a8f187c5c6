#include "aurora/index/equality_index.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "aurora/runtime/status.h"

namespace aurora::index {
namespace {

constexpr std::size_t kChunkBytes = 4;

// The key of a chunk: the term, then the chunk big-endian, so that the chunks of a term follow each
// other in order.
std::string ChunkKey(std::string_view term, ChunkId chunk) {
  std::string key(term);
  for (int shift = 24; shift >= 0; shift -= 8) key.push_back(static_cast<char>(chunk >> shift));
  return key;
}

ChunkId ChunkOfKey(std::string_view key) {
  ChunkId chunk = 0;
  for (const char byte : key.substr(key.size() - kChunkBytes))
    chunk = chunk << 8 | static_cast<unsigned char>(byte);
  return chunk;
}

Task<absl::StatusOr<RowSet>> ReadRows(lsm::Store* store, lsm::KeyspaceId keyspace, std::string term,
                                      lsm::Sequence at, lsm::OperationProfile* profile) {
  lsm::IterateOptions options;
  options.at = at;
  options.profile = profile;
  const std::unique_ptr<lsm::Iterator> entries = store->NewIterator(keyspace, options);
  RowSet rows;
  const std::string first = ChunkKey(term, 0);
  AURORA_CO_RETURN_IF_ERROR(co_await entries->Seek(first));
  while (entries->Valid()) {
    const std::string_view key = entries->key();
    if (key.size() < kChunkBytes)
      co_return DataLossError("index ", keyspace, ": a key of ", key.size(), " bytes");
    // Terms are prefix-free, so the chunks of this one are exactly the keys that are it and a
    // chunk.
    if (key.substr(0, key.size() - kChunkBytes) != term) break;
    absl::StatusOr<PostingDelta> posting = PostingDelta::Decode(entries->value());
    if (!posting.ok()) co_return Annotate(posting.status(), StrCat("index ", keyspace));
    rows.AppendChunk(ChunkOfKey(key), std::move(posting->added));
    AURORA_CO_RETURN_IF_ERROR(co_await entries->Next());
  }
  co_return rows;
}

}  // namespace

PostingDelta& EqualityChanges::At(lsm::KeyspaceId index, std::string_view term, RowId row) {
  return changes_[Key{index, ChunkKey(term, ChunkOf(row))}].delta;
}

void EqualityChanges::Add(lsm::KeyspaceId index, std::string_view term, RowId row) {
  PostingDelta& delta = At(index, term, row);
  delta.added.add(PlaceOf(row));
  delta.removed.remove(PlaceOf(row));
}

void EqualityChanges::Remove(lsm::KeyspaceId index, std::string_view term, RowId row) {
  PostingDelta& delta = At(index, term, row);
  delta.removed.add(PlaceOf(row));
  delta.added.remove(PlaceOf(row));
}

void EqualityChanges::AppendTo(std::vector<lsm::Mutation>* mutations) {
  for (auto& [key, change] : changes_) {
    change.encoded = change.delta.Encode();
    mutations->push_back({key.index, lsm::EntryKind::kMerge, key.key, change.encoded});
  }
}

Task<absl::StatusOr<RowSet>> EqualityIndex::Rows(std::string term, lsm::Sequence at) const {
  return ReadRows(store_, keyspace_, std::move(term), at, profile_);
}

}  // namespace aurora::index
