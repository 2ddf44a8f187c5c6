#include "aurora/index/posting_cache.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "aurora/runtime/fault_points.h"
#include "xxhash.h"

namespace aurora::index {
namespace {

constexpr std::size_t kTermOverhead = 64;  // of a term in a directory, in its two containers
// So many changes are applied by each reader anew before one of them folds them into the set.
constexpr std::size_t kFoldFrom = 64;

}  // namespace

struct PostingCache::Terms {
  enum class State : std::uint8_t { kCollecting, kKnown, kWide };
  State state = State::kCollecting;
  lsm::Sequence since = 0;
  lsm::Sequence as_of = 0;
  absl::flat_hash_set<std::string> terms;
  std::size_t bytes = 0;
  SharedTerms sorted;  // null: to be made anew
  MemoryBudget::Charge charge;
};

std::size_t PostingCache::TermHash::operator()(const TermView& key) const {
  return XXH3_64bits_withSeed(key.term.data(), key.term.size(), key.index);
}

PostingCache::PostingCache(std::size_t capacity_bytes, MemoryBudget* budget)
    : budget_(budget), sets_(capacity_bytes, budget) {}

PostingCache::~PostingCache() = default;

// --- Rows ---

SharedRows PostingCache::Find(lsm::KeyspaceId index, std::string_view term, lsm::Sequence at) {
  const TermView key{index, term};
  decltype(sets_)::Found found;
  {
    const std::shared_lock lock(mutex_);
    found = sets_.Find(key, at);
  }
  const auto& [value, changes] = found.view;
  (value != nullptr ? hits_ : misses_).fetch_add(1, std::memory_order_relaxed);
  if (!found.watched) {
    const std::unique_lock lock(mutex_);
    sets_.Watch(key, last_applied_);
  }
  if (changes.empty()) return value;
  RowSet now = *value;
  for (const RowChange& change : changes) {
    if (change.added) {
      now.Add(change.row);
    } else {
      now.Remove(change.row);
    }
  }
  auto folded = std::make_shared<const RowSet>(std::move(now));
  if (changes.size() >= kFoldFrom) {
    const std::unique_lock lock(mutex_);
    sets_.Fold(key, value, changes.size(), folded);
  }
  return folded;
}

void PostingCache::Fill(lsm::KeyspaceId index, std::string_view term, lsm::Sequence at,
                        SharedRows rows) {
  const std::unique_lock lock(mutex_);
  sets_.Fill({index, term}, at, std::move(rows));
}

// --- Terms ---

PostingCache::Directory PostingCache::FindTerms(lsm::KeyspaceId index, lsm::Sequence at) {
  {
    const std::shared_lock lock(mutex_);
    const auto found = terms_.find(index);
    if (found != terms_.end()) {
      const Terms& terms = *found->second;
      if (terms.state == Terms::State::kWide) return {.wide = true, .terms = nullptr};
      if (terms.state == Terms::State::kCollecting || terms.as_of > at) return {};
      if (terms.sorted != nullptr) return {.wide = false, .terms = terms.sorted};
    }
  }
  const std::unique_lock lock(mutex_);
  std::unique_ptr<Terms>& terms = terms_[index];
  if (terms == nullptr) {
    terms = std::make_unique<Terms>();
    terms->since = last_applied_;
  }
  if (terms->state != Terms::State::kKnown) {
    return {.wide = terms->state == Terms::State::kWide, .terms = nullptr};
  }
  if (terms->sorted == nullptr) {
    std::vector<std::string> sorted(terms->terms.begin(), terms->terms.end());
    std::sort(sorted.begin(), sorted.end());
    terms->sorted = std::make_shared<const std::vector<std::string>>(std::move(sorted));
  }
  return {.wide = false, .terms = terms->sorted};
}

void PostingCache::FillTerms(lsm::KeyspaceId index, lsm::Sequence at,
                             std::span<const std::string> terms) {
  const std::unique_lock lock(mutex_);
  const auto found = terms_.find(index);
  if (found == terms_.end() || found->second->state != Terms::State::kCollecting) return;
  if (found->second->since > at) return;
  found->second->state = Terms::State::kKnown;
  found->second->as_of = at;
  for (const std::string& term : terms) NoteTerm(index, term);
}

void PostingCache::SetWide(lsm::KeyspaceId index) {
  const std::unique_lock lock(mutex_);
  auto wide = std::make_unique<Terms>();
  wide->state = Terms::State::kWide;
  terms_[index] = std::move(wide);
}

void PostingCache::NoteTerm(lsm::KeyspaceId index, std::string_view term) {
  const auto found = terms_.find(index);
  if (found == terms_.end() || found->second->state == Terms::State::kWide) return;
  Terms& terms = *found->second;
  if (!terms.terms.emplace(term).second) return;
  terms.sorted = nullptr;
  terms.bytes += 2 * term.size() + kTermOverhead;
  terms.charge = {};
  if (terms.terms.size() <= kNarrowTermsMax && terms.bytes <= kNarrowBytesMax) {
    terms.charge = budget_->TryTake(MemoryUse::kIndexCache, terms.bytes);
  }
  if (terms.charge.bytes() > 0) return;
  terms.state = Terms::State::kWide;
  terms.terms = {};
}

// --- Commits ---

void PostingCache::Apply(lsm::Sequence sequence, std::span<const TermChange> changes) {
  if (changes.empty() || AURORA_PLANTED_BUG("posting-cache-misses-commit")) return;
  const std::unique_lock lock(mutex_);
  last_applied_ = sequence;
  for (const TermChange& change : changes) {
    if (!terms_.empty() && std::any_of(change.rows.begin(), change.rows.end(),
                                       [](const RowChange& row) { return row.added; })) {
      NoteTerm(change.index, change.term);
    }
    sets_.Append({change.index, change.term}, sequence, change.rows, kWaitingMax);
  }
}

PostingCacheStats PostingCache::GetStats() const {
  const std::shared_lock lock(mutex_);
  PostingCacheStats stats;
  stats.hits = hits_.load(std::memory_order_relaxed);
  stats.misses = misses_.load(std::memory_order_relaxed);
  stats.evictions = sets_.evictions();
  stats.term_count = sets_.entry_count();
  stats.charged_bytes = sets_.charged_bytes();
  for (const auto& [index, terms] : terms_) stats.charged_bytes += terms->charge.bytes();
  return stats;
}

}  // namespace aurora::index
