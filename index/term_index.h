// A term index: for each term, the rows that have it, in the order of the terms.
//
// One structure answers equality, ranges and order. An entry of the store is (term, chunk) ->
// operand (posting.h), in the index's own keyspace; of a unique index, term -> row key (row_key.h).
// It follows from the document that the commit log carries, and is never logged itself: the layer
// above derives the same changes (index_changes.h) at commit and at replay. A term is an
// order-preserving, prefix-free encoding of a value; this layer does not look inside.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/index/posting_cache.h"
#include "aurora/index/row_set.h"
#include "aurora/lsm/operation_profile.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/task.h"

namespace aurora::index {

// Which terms: from `begin` on, up to, not including, `end`. Empty: no bound.
struct TermRange {
  std::string begin;
  std::string end;
};

class TermCursor;

// Reads one index as of one sequence, which no compaction has passed. A cheap value. Safe from
// every thread. Store and cache must outlive it, and so must the profile, if there is one, which is
// one reader's at a time.
class TermIndex {
 public:
  // `cache` may be null, and is not used for unique indices, whose terms have one row each.
  TermIndex(lsm::Store& store, PostingCache* cache, lsm::KeyspaceId keyspace, bool unique,
            lsm::Sequence at, lsm::OperationProfile* profile = nullptr)
      : store_(&store),
        cache_(unique ? nullptr : cache),
        keyspace_(keyspace),
        unique_(unique),
        at_(at),
        profile_(profile) {}

  // The rows that have `term`; never null. From memory, a probe; else a seek and a step for each
  // chunk that has any.
  AURORA_TASK_UNBOUND_WRAPPER Task<absl::StatusOr<SharedRows>> Rows(std::string_view term) const;
  // All terms that may have rows, if the index is narrow (PostingCache); null if it is not. The
  // first time in a process, a seek for each of them.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<SharedTerms>> Terms() const;
  // Walks the terms of `range`. No walk goes through the cache.
  std::unique_ptr<TermCursor> Walk(const TermRange& range, bool descending) const;

 private:
  static Task<absl::StatusOr<SharedRows>> ReadRows(TermIndex self, std::string term);
  static Task<absl::StatusOr<SharedRows>> ReadUnique(TermIndex self, std::string term);
  static Task<absl::StatusOr<SharedTerms>> ReadTerms(TermIndex self);

  lsm::Store* store_;
  PostingCache* cache_;
  lsm::KeyspaceId keyspace_;
  bool unique_;
  lsm::Sequence at_;
  lsm::OperationProfile* profile_;
};

// The rows of a range of terms, by term and, within one, ascending. One user at a time.
class TermCursor {
 public:
  virtual ~TermCursor() = default;
  // Moves to the next step; false at the end. A step is the rows of one chunk of one term; the
  // first step is that of the first call. What the two methods return is valid until the next call.
  virtual Task<absl::StatusOr<bool>> Next() = 0;
  virtual std::string_view term() const = 0;
  virtual const std::vector<RowId>& rows() const = 0;
};

}  // namespace aurora::index
