// Sets of rows, as roaring bitmaps in chunks of 2^16 rows.
//
// A row id is dense within its collection, 48 bits, never reused. Its upper 32 bits name a chunk,
// its lower 16 the place in it. A chunk is one CRoaring bitmap over 16-bit places, hence one
// container: array, bitset or runs, whichever is smallest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "aurora/index/bitmap.h"

namespace aurora::index {

using RowId = std::uint64_t;
inline constexpr int kRowIdBits = 48;
inline constexpr RowId kMaxRowId = (RowId{1} << kRowIdBits) - 1;
inline constexpr std::uint32_t kRowsPerChunk = 1u << 16;

using ChunkId = std::uint32_t;
inline ChunkId ChunkOf(RowId row) { return static_cast<ChunkId>(row >> 16); }
inline std::uint16_t PlaceOf(RowId row) { return static_cast<std::uint16_t>(row); }
inline RowId RowAt(ChunkId chunk, std::uint16_t place) { return RowId{chunk} << 16 | place; }

// An ordinary value: thread-compatible. Copies share their chunks, so a copy costs a reference for
// each, and a change copies the one chunk that it is in. Chunks are kept in ascending order and
// never empty.
class RowSet {
 public:
  class Chunk {
   public:
    Chunk(ChunkId id, Bitmap places)
        : id_(id), places_(std::make_shared<Bitmap>(std::move(places))) {}

    ChunkId id() const { return id_; }
    const Bitmap& places() const { return *places_; }
    // Its own, to be changed.
    Bitmap& MutablePlaces();

   private:
    ChunkId id_;
    std::shared_ptr<Bitmap> places_;
  };

  void Add(RowId row);
  void Remove(RowId row);
  // Appends a whole chunk, above all that are there. An empty one is left out.
  void AppendChunk(ChunkId id, Bitmap places);
  // The same, shared with the set that it comes from.
  void AppendChunk(const Chunk& chunk);

  bool Contains(RowId row) const;
  bool empty() const { return chunks_.empty(); }
  std::uint64_t Count() const;
  const std::vector<Chunk>& chunks() const { return chunks_; }
  // The first chunk at or after `id`.
  std::vector<Chunk>::const_iterator ChunkAtOrAfter(ChunkId id) const;
  // The rows above `row`.
  RowSet After(RowId row) const;
  // All that the set holds, whether or not others share it.
  std::size_t memory_bytes() const;

  // Set algebra, chunk by chunk; costs what the chunks cost that both have. Chunks that only one
  // has are shared with it.
  friend RowSet operator&(const RowSet& a, const RowSet& b);
  friend RowSet operator|(const RowSet& a, const RowSet& b);
  friend RowSet operator-(const RowSet& a, const RowSet& b);
  friend bool operator==(const RowSet& a, const RowSet& b);
  // The size of a & b, without building it.
  static std::uint64_t CountIntersection(const RowSet& a, const RowSet& b);

  // The rows in ascending order, from `skip` on, at most `limit`.
  std::vector<RowId> ToVector(std::uint64_t skip = 0, std::uint64_t limit = UINT64_MAX) const;

 private:
  std::vector<Chunk>::iterator Place(ChunkId id);

  std::vector<Chunk> chunks_;
};

}  // namespace aurora::index
