// What one run of a query reads from, and as of when.
#pragma once

#include "aurora/engine/collection.h"
#include "aurora/engine/operation_profile.h"
#include "aurora/engine/query_guard.h"
#include "aurora/index/number_columns.h"
#include "aurora/index/posting_cache.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/types.h"

namespace aurora::engine {

// Views of what must outlive the run. Not thread-safe.
struct QueryRead {
  lsm::Store& store;
  index::PostingCache& postings;
  index::NumberColumns& columns;
  const CollectionDefinition& definition;
  lsm::Sequence at;  // which no compaction has passed
  OperationProfile& profile;
  QueryGuard& guard;
};

}  // namespace aurora::engine
