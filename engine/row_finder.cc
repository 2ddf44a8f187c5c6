#include "aurora/engine/row_finder.h"

#include <algorithm>
#include <string>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::engine {
namespace {

using index::RowSet;
using index::SharedRows;

// So many rows are checked one by one rather than that a range of unknown size is read for them.
constexpr std::uint64_t kCheckedRowsMax = 4096;

SharedRows Share(RowSet rows) { return std::make_shared<const RowSet>(std::move(rows)); }

bool IsFewer(const SharedRows& a, const SharedRows& b) { return a->Count() < b->Count(); }

// From the smallest on, so that every step is as small as it can be.
SharedRows Intersect(std::vector<SharedRows> sets) {
  std::sort(sets.begin(), sets.end(), IsFewer);
  SharedRows all = sets[0];
  for (std::size_t i = 1; i < sets.size() && !all->empty(); ++i) all = Share(*all & *sets[i]);
  return all;
}

// Chunk by chunk, all sets at once: each row is copied once, however many sets there are.
SharedRows Unite(const std::vector<SharedRows>& sets) {
  if (sets.size() == 1) return sets[0];
  struct Place {
    const RowSet::Chunk* at;
    const RowSet::Chunk* end;
  };
  std::vector<Place> places;
  for (const SharedRows& set : sets) {
    const std::vector<RowSet::Chunk>& chunks = set->chunks();
    if (!chunks.empty()) places.push_back({chunks.data(), chunks.data() + chunks.size()});
  }
  RowSet all;
  std::vector<const index::Bitmap*> bitmaps;
  while (!places.empty()) {
    const auto lowest =
        std::min_element(places.begin(), places.end(),
                         [](const Place& a, const Place& b) { return a.at->id() < b.at->id(); });
    const RowSet::Chunk& first = *lowest->at;
    bitmaps.clear();
    for (Place& place : places) {
      if (place.at->id() == first.id()) bitmaps.push_back(&place.at++->places());
    }
    if (bitmaps.size() == 1) {
      all.AppendChunk(first);
    } else {
      all.AppendChunk(first.id(), index::Bitmap::fastunion(bitmaps.size(), bitmaps.data()));
    }
    std::erase_if(places, [](const Place& place) { return place.at == place.end; });
  }
  return Share(std::move(all));
}

}  // namespace

std::vector<PlannerIndex> PlannerIndices(const CollectionDefinition& definition, lsm::Sequence at,
                                         bool was_current) {
  std::vector<PlannerIndex> indices;
  indices.reserve(definition.indices.size());
  for (const FieldIndex& index : definition.indices) {
    const bool ready =
        index.progress->IsReadyAt(at) || AURORA_PLANTED_BUG("index-used-before-complete");
    indices.push_back({.field = index.field,
                       .ready = ready,
                       .unique = index.unique,
                       .array = index.array,
                       .required = index.required && was_current});
  }
  return indices;
}

Task<absl::StatusOr<FoundRows>> RowFinder::Find(const AccessPlan& plan) const {
  AURORA_CHECK(!plan.scan);
  if (plan.rows.kind == RowsNode::Kind::kAnd) return FindIntersection(*this, &plan);
  return FindWhole(*this, &plan);
}

Task<absl::StatusOr<FoundRows>> RowFinder::FindWhole(RowFinder self, const AccessPlan* plan) {
  AURORA_CO_ASSIGN(SharedRows rows, co_await Evaluate(self, &plan->rows));
  co_return FoundRows{std::move(rows), plan->residual};
}

Task<absl::StatusOr<FoundRows>> RowFinder::FindIntersection(RowFinder self,
                                                            const AccessPlan* plan) {
  std::vector<SharedRows> sets;
  std::vector<const RowsNode*> wide;
  for (const RowsNode& child : plan->rows.children) {
    SharedRows rows;
    if (child.kind == RowsNode::Kind::kRange) {
      AURORA_CO_ASSIGN(rows, co_await UniteTerms(self, &child));
    } else {
      AURORA_CO_ASSIGN(rows, co_await Evaluate(self, &child));
    }
    if (rows == nullptr) {
      wide.push_back(&child);
    } else {
      sets.push_back(std::move(rows));
    }
  }
  FoundRows found{nullptr, plan->residual};
  if (!sets.empty()) found.rows = Intersect(std::move(sets));
  for (const RowsNode* range : wide) {
    if (found.rows != nullptr && found.rows->Count() <= kCheckedRowsMax) {
      found.residual = found.residual && range->condition;
      continue;
    }
    AURORA_CO_ASSIGN(SharedRows rows, co_await ReadRange(self, range));
    found.rows = found.rows == nullptr ? std::move(rows) : Share(*found.rows & *rows);
  }
  co_return found;
}

Task<absl::StatusOr<SharedRows>> RowFinder::Evaluate(RowFinder self, const RowsNode* node) {
  switch (node->kind) {
    case RowsNode::Kind::kLookup:
      if (node->terms.size() == 1) return self.IndexAt(node->index).Rows(node->terms[0]);
      return LookUp(self, node);
    case RowsNode::Kind::kRange:
      return ReadRange(self, node);
    default:
      return Combine(self, node);
  }
}

Task<absl::StatusOr<SharedRows>> RowFinder::Combine(RowFinder self, const RowsNode* node) {
  std::vector<SharedRows> sets;
  for (const RowsNode& child : node->children) {
    AURORA_CO_ASSIGN(SharedRows rows, co_await Evaluate(self, &child));
    sets.push_back(std::move(rows));
  }
  co_return node->kind == RowsNode::Kind::kAnd ? Intersect(std::move(sets)) : Unite(sets);
}

Task<absl::StatusOr<SharedRows>> RowFinder::LookUp(RowFinder self, const RowsNode* node) {
  std::vector<SharedRows> sets;
  for (const std::string& term : node->terms) {
    AURORA_CO_ASSIGN(SharedRows rows, co_await self.IndexAt(node->index).Rows(term));
    sets.push_back(std::move(rows));
  }
  co_return Unite(sets);
}

Task<absl::StatusOr<SharedRows>> RowFinder::UniteTerms(RowFinder self, const RowsNode* node) {
  const index::TermIndex index = self.IndexAt(node->index);
  AURORA_CO_ASSIGN(const index::SharedTerms terms, co_await index.Terms());
  if (terms == nullptr) co_return SharedRows();
  const auto begin = std::lower_bound(terms->begin(), terms->end(), node->range.begin);
  const auto end = std::lower_bound(begin, terms->end(), node->range.end);
  std::vector<SharedRows> sets;
  for (auto term = begin; term != end; ++term) {
    AURORA_CO_ASSIGN(SharedRows rows, co_await index.Rows(*term));
    sets.push_back(std::move(rows));
  }
  co_return Unite(sets);
}

Task<absl::StatusOr<SharedRows>> RowFinder::ReadRange(RowFinder self, const RowsNode* node) {
  AURORA_CO_ASSIGN(SharedRows united, co_await UniteTerms(self, node));
  if (united != nullptr) co_return united;
  const std::unique_ptr<index::TermCursor> cursor =
      self.IndexAt(node->index).Walk(node->range, /*descending=*/false);
  RowSet rows;
  for (;;) {
    AURORA_CO_ASSIGN(const bool more, co_await cursor->Next());
    if (!more) break;
    AURORA_CO_RETURN_IF_ERROR(self.guard_->OnEntry());
    for (const index::RowId row : cursor->rows()) rows.Add(row);
  }
  co_return Share(std::move(rows));
}

}  // namespace aurora::engine
