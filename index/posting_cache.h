// What is known of term indices in memory: the rows of terms, folded, and of an index with few
// terms, which those are.
//
// A reader at a sequence gets the set of rows as of that sequence, or nothing; then it reads the
// store and offers what it found. Commits say what they change, in their order and before they are
// visible, so what is here stays true without being read again:
//
//   a set      is as of the sequence of its fill, with the changes since (followed.h). They are
//              collected from the first time on that a reader asks for the term; so the fill of the
//              second reader is taken, if commits have come between the first one's snapshot and
//              its question.
//   the terms  of an index are never missing one that has rows, and may hold some that have none.
//
// Thread-safe. A hit takes a shared lock for one probe and the copy of a pointer; a commit takes it
// exclusively for the time of a probe for each term. No I/O is waited for. Memory: all is charged
// to the budget as kIndexCache; sets that do not fit evict, by S3-FIFO, or are not kept.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "aurora/index/followed_cache.h"
#include "aurora/index/index_changes.h"
#include "aurora/index/row_set.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/memory_budget.h"

namespace aurora::index {

using SharedRows = std::shared_ptr<const RowSet>;
// Ascending.
using SharedTerms = std::shared_ptr<const std::vector<std::string>>;

struct PostingCacheStats {
  std::uint64_t hits = 0;  // of Find
  std::uint64_t misses = 0;
  std::uint64_t evictions = 0;
  std::size_t term_count = 0;
  std::size_t charged_bytes = 0;
};

class PostingCache {
 public:
  // An index is narrow as long as it has no more terms than this, and they no more bytes.
  static constexpr std::size_t kNarrowTermsMax = 4096;
  static constexpr std::size_t kNarrowBytesMax = 256u << 10;
  // More changes than this do not wait for a reader: the set goes.
  static constexpr std::size_t kWaitingMax = 1u << 16;

  // `budget` must outlive it.
  PostingCache(std::size_t capacity_bytes, MemoryBudget* budget);
  ~PostingCache();
  PostingCache(const PostingCache&) = delete;
  PostingCache& operator=(const PostingCache&) = delete;

  // The rows of `term` as of `at`, if they are known.
  SharedRows Find(lsm::KeyspaceId index, std::string_view term, lsm::Sequence at);
  // Offers what the store has as of `at`, after Find found nothing at the same sequence.
  void Fill(lsm::KeyspaceId index, std::string_view term, lsm::Sequence at, SharedRows rows);

  struct Directory {
    bool wide = false;  // it has too many terms to know them
    SharedTerms terms;  // null: not known, or wide
  };
  // The terms that may have rows as of `at`.
  Directory FindTerms(lsm::KeyspaceId index, lsm::Sequence at);
  // Offers all terms as of `at`, ascending, after FindTerms found nothing at the same sequence.
  void FillTerms(lsm::KeyspaceId index, lsm::Sequence at, std::span<const std::string> terms);
  void SetWide(lsm::KeyspaceId index);

  // What a commit changes at `sequence`: in the order of commits, before any reader can see it.
  void Apply(lsm::Sequence sequence, std::span<const TermChange> changes);

  PostingCacheStats GetStats() const;

 private:
  struct TermView {
    lsm::KeyspaceId index;
    std::string_view term;
    friend bool operator==(const TermView&, const TermView&) = default;
  };
  struct Term {
    explicit Term(const TermView& key) : index(key.index), term(key.term) {}
    TermView view() const { return {index, term}; }
    std::size_t memory_bytes() const { return term.size(); }

    lsm::KeyspaceId index;
    std::string term;
  };
  struct TermHash {
    std::size_t operator()(const TermView& key) const;
  };
  struct Terms;

  // REQUIRES the lock, exclusively.
  void NoteTerm(lsm::KeyspaceId index, std::string_view term);

  MemoryBudget* const budget_;
  mutable std::shared_mutex mutex_;
  FollowedCache<Term, TermView, TermHash, RowSet, RowChange> sets_;
  absl::flat_hash_map<lsm::KeyspaceId, std::unique_ptr<Terms>> terms_;
  lsm::Sequence last_applied_ = 0;
  std::atomic<std::uint64_t> hits_{0};
  std::atomic<std::uint64_t> misses_{0};
};

}  // namespace aurora::index
