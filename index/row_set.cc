#include "aurora/index/row_set.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "aurora/runtime/check.h"

namespace aurora::index {
namespace {

bool ChunkBefore(const RowSet::Chunk& chunk, ChunkId id) { return chunk.id() < id; }

}  // namespace

// A reader may hold the chunk too, and only looks at it; so whoever is alone with it may change it.
Bitmap& RowSet::Chunk::MutablePlaces() {
  if (places_.use_count() != 1) {
    places_ = std::make_shared<Bitmap>(*places_);
  } else {
    // Comes after all that former holders have read.
    std::atomic_thread_fence(std::memory_order_acquire);
  }
  return *places_;
}

std::vector<RowSet::Chunk>::iterator RowSet::Place(ChunkId id) {
  // Rows mostly arrive in ascending order.
  if (!chunks_.empty() && chunks_.back().id() == id) return chunks_.end() - 1;
  return std::lower_bound(chunks_.begin(), chunks_.end(), id, ChunkBefore);
}

void RowSet::Add(RowId row) {
  AURORA_DCHECK(row <= kMaxRowId);
  const ChunkId id = ChunkOf(row);
  auto at = Place(id);
  if (at == chunks_.end() || at->id() != id) at = chunks_.insert(at, Chunk(id, {}));
  at->MutablePlaces().add(PlaceOf(row));
}

void RowSet::Remove(RowId row) {
  const auto at = Place(ChunkOf(row));
  if (at == chunks_.end() || at->id() != ChunkOf(row) || !at->places().contains(PlaceOf(row))) {
    return;
  }
  at->MutablePlaces().remove(PlaceOf(row));
  if (at->places().isEmpty()) chunks_.erase(at);
}

void RowSet::AppendChunk(ChunkId id, Bitmap places) {
  AURORA_CHECK(chunks_.empty() || chunks_.back().id() < id);
  if (places.isEmpty()) return;
  AURORA_DCHECK(places.maximum() < kRowsPerChunk);
  chunks_.emplace_back(id, std::move(places));
}

void RowSet::AppendChunk(const Chunk& chunk) {
  AURORA_CHECK(chunks_.empty() || chunks_.back().id() < chunk.id());
  if (!chunk.places().isEmpty()) chunks_.push_back(chunk);
}

std::vector<RowSet::Chunk>::const_iterator RowSet::ChunkAtOrAfter(ChunkId id) const {
  return std::lower_bound(chunks_.begin(), chunks_.end(), id, ChunkBefore);
}

bool RowSet::Contains(RowId row) const {
  const auto at = ChunkAtOrAfter(ChunkOf(row));
  return at != chunks_.end() && at->id() == ChunkOf(row) && at->places().contains(PlaceOf(row));
}

std::uint64_t RowSet::Count() const {
  std::uint64_t count = 0;
  for (const Chunk& chunk : chunks_) count += chunk.places().cardinality();
  return count;
}

RowSet RowSet::After(RowId row) const {
  RowSet rest;
  for (auto chunk = ChunkAtOrAfter(ChunkOf(row)); chunk != chunks_.end(); ++chunk) {
    if (chunk->id() != ChunkOf(row)) {
      rest.AppendChunk(*chunk);
      continue;
    }
    Bitmap passed;
    passed.addRange(0, std::uint64_t{PlaceOf(row)} + 1);
    rest.AppendChunk(chunk->id(), chunk->places() - passed);
  }
  return rest;
}

std::size_t RowSet::memory_bytes() const {
  // Of a shared bitmap: the object, its one container and what the heap takes for the three.
  constexpr std::size_t kBitmapOverhead = sizeof(Bitmap) + 128;
  std::size_t bytes = chunks_.capacity() * sizeof(Chunk);
  for (const Chunk& chunk : chunks_) {
    bytes += kBitmapOverhead + chunk.places().getSizeInBytes(/*portable=*/false);
  }
  return bytes;
}

RowSet operator&(const RowSet& a, const RowSet& b) {
  RowSet result;
  auto i = a.chunks_.begin();
  auto j = b.chunks_.begin();
  while (i != a.chunks_.end() && j != b.chunks_.end()) {
    if (i->id() < j->id()) {
      ++i;
    } else if (j->id() < i->id()) {
      ++j;
    } else {
      result.AppendChunk(i->id(), i->places() & j->places());
      ++i, ++j;
    }
  }
  return result;
}

RowSet operator|(const RowSet& a, const RowSet& b) {
  RowSet result;
  auto i = a.chunks_.begin();
  auto j = b.chunks_.begin();
  while (i != a.chunks_.end() || j != b.chunks_.end()) {
    if (j == b.chunks_.end() || (i != a.chunks_.end() && i->id() < j->id())) {
      result.AppendChunk(*i);
      ++i;
    } else if (i == a.chunks_.end() || j->id() < i->id()) {
      result.AppendChunk(*j);
      ++j;
    } else {
      result.AppendChunk(i->id(), i->places() | j->places());
      ++i, ++j;
    }
  }
  return result;
}

RowSet operator-(const RowSet& a, const RowSet& b) {
  RowSet result;
  auto j = b.chunks_.begin();
  for (const RowSet::Chunk& chunk : a.chunks_) {
    while (j != b.chunks_.end() && j->id() < chunk.id()) ++j;
    if (j != b.chunks_.end() && j->id() == chunk.id()) {
      result.AppendChunk(chunk.id(), chunk.places() - j->places());
    } else {
      result.AppendChunk(chunk);
    }
  }
  return result;
}

bool operator==(const RowSet& a, const RowSet& b) {
  return std::equal(a.chunks_.begin(), a.chunks_.end(), b.chunks_.begin(), b.chunks_.end(),
                    [](const RowSet::Chunk& x, const RowSet::Chunk& y) {
                      return x.id() == y.id() && x.places() == y.places();
                    });
}

std::uint64_t RowSet::CountIntersection(const RowSet& a, const RowSet& b) {
  std::uint64_t count = 0;
  auto j = b.chunks_.begin();
  for (const Chunk& chunk : a.chunks_) {
    while (j != b.chunks_.end() && j->id() < chunk.id()) ++j;
    if (j == b.chunks_.end()) break;
    if (j->id() == chunk.id()) count += chunk.places().and_cardinality(j->places());
  }
  return count;
}

std::vector<RowId> RowSet::ToVector(std::uint64_t skip, std::uint64_t limit) const {
  std::vector<RowId> rows;
  for (const Chunk& chunk : chunks_) {
    if (rows.size() >= limit) break;
    const std::uint64_t count = chunk.places().cardinality();
    if (skip >= count) {
      skip -= count;
      continue;
    }
    for (const std::uint32_t place : chunk.places()) {
      if (skip > 0) {
        --skip;
        continue;
      }
      if (rows.size() >= limit) break;
      rows.push_back(RowAt(chunk.id(), static_cast<std::uint16_t>(place)));
    }
  }
  return rows;
}

}  // namespace aurora::index
