// The equality index: for each term, the rows that have it.
//
// An entry of the store is (term, chunk) -> operand (posting.h), in the index's own keyspace. It
// follows from the document that the commit log carries, and is never logged itself: the layer
// above derives the same changes at commit and at replay. A term is an order-preserving,
// prefix-free encoding of a value; this layer does not look inside.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/index/posting.h"
#include "aurora/index/row_set.h"
#include "aurora/lsm/operation_profile.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/task.h"

namespace aurora::index {

// The changes that one commit makes to equality indices, one operand for each (index, term, chunk).
// Not thread-safe.
class EqualityChanges {
 public:
  // A row that gains and loses the same term in one commit ends as the last call says.
  void Add(lsm::KeyspaceId index, std::string_view term, RowId row);
  void Remove(lsm::KeyspaceId index, std::string_view term, RowId row);

  // Appends the mutations, whose views live as long as this object is neither changed nor
  // destroyed.
  void AppendTo(std::vector<lsm::Mutation>* mutations);

 private:
  struct Key {
    lsm::KeyspaceId index;
    std::string key;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Change {
    PostingDelta delta;
    std::string encoded;
  };
  PostingDelta& At(lsm::KeyspaceId index, std::string_view term, RowId row);

  std::map<Key, Change>
      changes_;  // ordered, so that the same changes always give the same mutations
};

// Reads one equality index. A cheap value: three words. Safe from every thread. The store must
// outlive it, and so must the profile, if there is one, which is one reader's at a time.
class EqualityIndex {
 public:
  EqualityIndex(lsm::Store& store, lsm::KeyspaceId keyspace,
                lsm::OperationProfile* profile = nullptr)
      : store_(&store), keyspace_(keyspace), profile_(profile) {}

  // The rows that have `term` as of `at`. Costs a seek and one step for each chunk that has any.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<RowSet>> Rows(std::string term, lsm::Sequence at) const;

 private:
  lsm::Store* store_;
  lsm::KeyspaceId keyspace_;
  lsm::OperationProfile* profile_;
};

}  // namespace aurora::index
