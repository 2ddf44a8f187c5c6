// What one commit does to the term indices (term_index.h) of its collections.
//
// Collected row by row, then sealed into one operand for each (index, term, chunk), as the store
// takes it and as the cache of postings (posting_cache.h) follows it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aurora/index/posting.h"
#include "aurora/index/row_set.h"
#include "aurora/lsm/types.h"

namespace aurora::index {

// The key of a chunk of a term: the term, then the chunk big-endian, so that the chunks of a term
// follow each other in order.
inline constexpr std::size_t kChunkKeyBytes = 4;
std::string ChunkKey(std::string_view term, ChunkId chunk);

// What a commit does to one term. The rows ascend, each once.
struct TermChange {
  lsm::KeyspaceId index = 0;
  std::string_view term;
  std::span<const RowChange> rows;
};

// Terms are not empty. Not thread-safe. Cost: a few ns and the term's bytes for each change;
// sealing sorts them.
class IndexChanges {
 public:
  // A row that gains and loses the same term in one commit ends as the last call says.
  void Add(lsm::KeyspaceId index, std::string_view term, RowId row) {
    Append(index, term, row, true);
  }
  void Remove(lsm::KeyspaceId index, std::string_view term, RowId row) {
    Append(index, term, row, false);
  }

  // Ends the collecting: appends the mutations, in the order of their keys. What they view lives as
  // long as this object, and may move with it only before.
  void Seal(std::vector<lsm::Mutation>* mutations);

  // By index and term. REQUIRES Seal.
  std::span<const TermChange> terms() const { return terms_; }

 private:
  struct Change {
    lsm::KeyspaceId index;
    std::uint32_t term_offset;  // in term_bytes_
    std::uint32_t term_size;
    bool added;
    RowId row;
  };

  void Append(lsm::KeyspaceId index, std::string_view term, RowId row, bool added);
  std::string_view TermOf(const Change& change) const {
    return std::string_view(term_bytes_).substr(change.term_offset, change.term_size);
  }
  void Sort();
  void GroupByTerm();
  void AppendOperands(std::vector<lsm::Mutation>* mutations);

  std::string term_bytes_;
  std::vector<Change> changes_;
  std::vector<RowChange> rows_;
  std::vector<TermChange> terms_;
  std::string encoded_;  // keys and operands
};

}  // namespace aurora::index
