// Sets of rows, as roaring bitmaps in chunks of 2^16 rows.
//
// A row id is dense within its collection, 48 bits, never reused. Its upper 32 bits name a chunk,
// its lower 16 the place in it. A chunk is one CRoaring bitmap over 16-bit places, hence one
// container: array, bitset or runs, whichever is smallest.
#pragma once

#include <cstddef>
#include <cstdint>
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

// An ordinary value: thread-compatible, copyable. Chunks are kept in ascending order and never
// empty.
class RowSet {
 public:
  struct Chunk {
    ChunkId id;
    Bitmap places;
  };

  void Add(RowId row);
  // Appends a whole chunk, above all that are there. An empty one is left out.
  void AppendChunk(ChunkId id, Bitmap places);

  bool Contains(RowId row) const;
  bool empty() const { return chunks_.empty(); }
  std::uint64_t Count() const;
  const std::vector<Chunk>& chunks() const { return chunks_; }

  // Set algebra, chunk by chunk; costs what the chunks cost that both have.
  friend RowSet operator&(const RowSet& a, const RowSet& b);
  friend RowSet operator|(const RowSet& a, const RowSet& b);
  friend RowSet operator-(const RowSet& a, const RowSet& b);
  friend bool operator==(const RowSet& a, const RowSet& b);
  // The size of a & b, without building it.
  static std::uint64_t CountIntersection(const RowSet& a, const RowSet& b);

  // The rows in ascending order, from `skip` on, at most `limit`.
  std::vector<RowId> ToVector(std::uint64_t skip = 0, std::uint64_t limit = UINT64_MAX) const;

 private:
  std::vector<Chunk> chunks_;
};

}  // namespace aurora::index
