#include "aurora/index/posting_cache.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "aurora/runtime/fault_points.h"
#include "xxhash.h"

namespace aurora::index {
namespace {

// What an entry takes besides its rows and its term: the object, its slot in the table and what the
// heap takes for both.
constexpr std::size_t kEntryOverhead = 256;
constexpr std::size_t kTermOverhead = 64;  // of a term in a directory, in its two containers
// So many changes are applied by each reader anew before one of them folds them into the set.
constexpr std::size_t kFoldFrom = 64;

}  // namespace

struct PostingCache::Entry : cache::S3FifoNode {
  Entry(std::uint64_t hash, const Key& key, MemoryBudget::Charge taken)
      : S3FifoNode(hash, taken.bytes()),
        index(key.index),
        term(key.term),
        charge(std::move(taken)) {}

  Key key() const { return {index, term}; }
  // What has waited until `at` comes first.
  std::size_t CountUntil(lsm::Sequence at) const {
    const auto end =
        std::upper_bound(waiting.begin(), waiting.end(), at,
                         [](lsm::Sequence s, const Waiting& w) { return s < w.sequence; });
    return static_cast<std::size_t>(end - waiting.begin());
  }

  const lsm::KeyspaceId index;
  const std::string term;
  lsm::Sequence since = 0;  // every change after it has been collected
  SharedRows rows;          // null: not filled yet
  lsm::Sequence as_of = 0;  // of `rows`
  std::vector<Waiting> waiting;
  MemoryBudget::Charge charge;
};

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

std::size_t PostingCache::KeyHash::operator()(const Key& key) const {
  return XXH3_64bits_withSeed(key.term.data(), key.term.size(), key.index);
}

PostingCache::PostingCache(std::size_t capacity_bytes, MemoryBudget* budget)
    : capacity_bytes_(capacity_bytes), budget_(budget), policy_(capacity_bytes) {}

PostingCache::~PostingCache() = default;

// --- Rows ---

SharedRows PostingCache::Find(lsm::KeyspaceId index, std::string_view term, lsm::Sequence at) {
  const Key key{index, term};
  SharedRows rows;
  std::vector<Waiting> changes;
  bool watched = false;
  {
    const std::shared_lock lock(mutex_);
    const auto found = entries_.find(key);
    watched = found != entries_.end();
    if (watched) {
      Entry& entry = *found->second;
      entry.Touch();
      if (entry.rows != nullptr && entry.as_of <= at) {
        rows = entry.rows;
        const std::size_t count = entry.CountUntil(at);
        changes.assign(entry.waiting.begin(),
                       entry.waiting.begin() + static_cast<std::ptrdiff_t>(count));
      }
    }
  }
  (rows != nullptr ? hits_ : misses_).fetch_add(1, std::memory_order_relaxed);
  if (!watched && capacity_bytes_ > 0) {
    const std::unique_lock lock(mutex_);
    Watch(key);
  }
  if (changes.empty()) return rows;
  RowSet now = *rows;
  for (const Waiting& waiting : changes) {
    if (waiting.change.added) {
      now.Add(waiting.change.row);
    } else {
      now.Remove(waiting.change.row);
    }
  }
  auto folded = std::make_shared<const RowSet>(std::move(now));
  if (changes.size() >= kFoldFrom) Fold(key, rows, changes.size(), folded);
  return folded;
}

void PostingCache::Fold(const Key& key, const SharedRows& from, std::size_t count, SharedRows to) {
  const std::unique_lock lock(mutex_);
  const auto found = entries_.find(key);
  // Changes come and go in order, so if the set is the same, what was applied comes first still.
  if (found == entries_.end() || found->second->rows != from) return;
  Entry& entry = *found->second;
  entry.as_of = entry.waiting[count - 1].sequence;
  entry.waiting.erase(entry.waiting.begin(),
                      entry.waiting.begin() + static_cast<std::ptrdiff_t>(count));
  entry.rows = std::move(to);
  Recharge(entry);
}

void PostingCache::Watch(const Key& key) {
  if (entries_.contains(key)) return;
  const std::size_t bytes = kEntryOverhead + key.term.size();
  MakeRoom(bytes);
  MemoryBudget::Charge charge = budget_->TryTake(MemoryUse::kIndexCache, bytes);
  if (charge.bytes() == 0) return;
  auto entry = std::make_unique<Entry>(KeyHash()(key), key, std::move(charge));
  entry->since = last_applied_;
  policy_.Insert(entry.get());
  const Key own = entry->key();
  entries_.emplace(own, std::move(entry));
}

void PostingCache::Fill(lsm::KeyspaceId index, std::string_view term, lsm::Sequence at,
                        SharedRows rows) {
  const std::size_t bytes = kEntryOverhead + term.size() + rows->memory_bytes();
  const std::unique_lock lock(mutex_);
  const auto found = entries_.find({index, term});
  if (found == entries_.end()) return;
  Entry& entry = *found->second;
  if (entry.rows != nullptr) return;
  if (entry.since > at && !AURORA_PLANTED_BUG("posting-cache-late-fill")) return;
  MemoryBudget::Charge charge;
  if (bytes <= capacity_bytes_ / 4) charge = budget_->TryTake(MemoryUse::kIndexCache, bytes);
  if (charge.bytes() == 0) return Erase(entry);
  entry.charge = std::move(charge);
  entry.waiting.erase(entry.waiting.begin(),
                      entry.waiting.begin() + static_cast<std::ptrdiff_t>(entry.CountUntil(at)));
  entry.rows = std::move(rows);
  entry.as_of = at;
  entry.Touch();
  Recharge(entry);
  MakeRoom(0);
}

void PostingCache::Recharge(Entry& entry) {
  const std::size_t bytes = kEntryOverhead + entry.term.size() +
                            (entry.rows != nullptr ? entry.rows->memory_bytes() : 0) +
                            entry.waiting.capacity() * sizeof(Waiting);
  entry.charge.Resize(bytes);
  policy_.Recharge(&entry, bytes);
}

void PostingCache::MakeRoom(std::size_t bytes) {
  while (policy_.entry_count() > 0 && policy_.charge_bytes() + bytes > capacity_bytes_) {
    Entry* const entry = static_cast<Entry*>(policy_.Evict());
    entries_.erase(entries_.find(entry->key()));
    ++evictions_;
  }
}

void PostingCache::Erase(Entry& entry) {
  policy_.Remove(&entry);
  entries_.erase(entries_.find(entry.key()));
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
    const auto found = entries_.find({change.index, change.term});
    if (found != entries_.end()) Wait(*found->second, sequence, change.rows);
  }
}

void PostingCache::Wait(Entry& entry, lsm::Sequence sequence, std::span<const RowChange> rows) {
  if (entry.waiting.size() + rows.size() > kWaitingMax) return Erase(entry);
  const std::size_t capacity = entry.waiting.capacity();
  for (const RowChange& row : rows) entry.waiting.push_back({sequence, row});
  if (entry.waiting.capacity() != capacity) Recharge(entry);
}

PostingCacheStats PostingCache::GetStats() const {
  const std::shared_lock lock(mutex_);
  PostingCacheStats stats;
  stats.hits = hits_.load(std::memory_order_relaxed);
  stats.misses = misses_.load(std::memory_order_relaxed);
  stats.evictions = evictions_;
  stats.term_count = entries_.size();
  stats.charged_bytes = policy_.charge_bytes();
  for (const auto& [index, terms] : terms_) stats.charged_bytes += terms->charge.bytes();
  return stats;
}

}  // namespace aurora::index
