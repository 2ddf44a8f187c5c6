// The iterator of a store: all sources of a view merged, as of one sequence, the live keys of one
// keyspace within bounds.
#pragma once

#include <memory>

#include "aurora/lsm/merge_operator.h"
#include "aurora/lsm/read_time.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_statistics.h"
#include "aurora/lsm/types.h"
#include "aurora/lsm/view_slots.h"
#include "aurora/runtime/clock.h"

namespace aurora::lsm {

// Where an iterator counts and takes the time. Both must outlive it.
struct IteratorObservers {
  StoreStatistics* statistics = nullptr;
  const Clock* clock = nullptr;
};

// `time` is when what expires does. `at` is a sequence that the view holds completely.
// `merge_operator` is not owned; null where the keyspace has none.
std::unique_ptr<Iterator> NewStoreIterator(std::shared_ptr<const ReadView> view,
                                           KeyspaceId keyspace, const MergeOperator* merge_operator,
                                           Sequence at, const IterateOptions& options,
                                           ReadTime time, const IteratorObservers& observers);

}  // namespace aurora::lsm
