#include "aurora/index/index_changes.h"

#include <algorithm>
#include <limits>

#include "aurora/runtime/check.h"

namespace aurora::index {
namespace {

void AppendChunkId(ChunkId chunk, std::string* out) {
  for (int shift = 24; shift >= 0; shift -= 8) out->push_back(static_cast<char>(chunk >> shift));
}

}  // namespace

std::string ChunkKey(std::string_view term, ChunkId chunk) {
  std::string key;
  key.reserve(term.size() + kChunkKeyBytes);
  key += term;
  AppendChunkId(chunk, &key);
  return key;
}

void IndexChanges::Append(lsm::KeyspaceId index, std::string_view term, RowId row, bool added) {
  AURORA_DCHECK(terms_.empty() && !term.empty());
  AURORA_CHECK(term_bytes_.size() + term.size() <= std::numeric_limits<std::uint32_t>::max());
  changes_.push_back({index, static_cast<std::uint32_t>(term_bytes_.size()),
                      static_cast<std::uint32_t>(term.size()), added, row});
  term_bytes_ += term;
}

// By index, term and row; of the changes of one row the last alone stays.
void IndexChanges::Sort() {
  // Later changes have later terms, as all of one term are as long.
  std::sort(changes_.begin(), changes_.end(), [this](const Change& a, const Change& b) {
    if (a.index != b.index) return a.index < b.index;
    if (const int terms = TermOf(a).compare(TermOf(b)); terms != 0) return terms < 0;
    return a.row != b.row ? a.row < b.row : a.term_offset < b.term_offset;
  });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    const bool is_last = i + 1 == changes_.size() || changes_[i].row != changes_[i + 1].row ||
                         changes_[i].index != changes_[i + 1].index ||
                         TermOf(changes_[i]) != TermOf(changes_[i + 1]);
    if (is_last) changes_[kept++] = changes_[i];
  }
  changes_.resize(kept);
}

void IndexChanges::GroupByTerm() {
  rows_.reserve(changes_.size());
  for (const Change& change : changes_) rows_.push_back({change.row, change.added});
  for (std::size_t begin = 0; begin < changes_.size();) {
    const Change& first = changes_[begin];
    std::size_t end = begin + 1;
    while (end < changes_.size() && changes_[end].index == first.index &&
           TermOf(changes_[end]) == TermOf(first)) {
      ++end;
    }
    terms_.push_back({first.index, TermOf(first), std::span(rows_).subspan(begin, end - begin)});
    begin = end;
  }
}

void IndexChanges::AppendOperands(std::vector<lsm::Mutation>* mutations) {
  struct Place {
    lsm::KeyspaceId index;
    std::size_t key;
    std::size_t operand;
  };
  std::vector<Place> places;
  for (const TermChange& term : terms_) {
    for (std::size_t begin = 0; begin < term.rows.size();) {
      const ChunkId chunk = ChunkOf(term.rows[begin].row);
      std::size_t end = begin + 1;
      while (end < term.rows.size() && ChunkOf(term.rows[end].row) == chunk) ++end;
      const std::size_t key = encoded_.size();
      encoded_ += term.term;
      AppendChunkId(chunk, &encoded_);
      places.push_back({term.index, key, encoded_.size()});
      AppendPostingDelta(term.rows.subspan(begin, end - begin), &encoded_);
      begin = end;
    }
  }
  const std::string_view encoded = encoded_;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto [index, key, operand] = places[i];
    const std::size_t end = i + 1 < places.size() ? places[i + 1].key : encoded.size();
    mutations->push_back({index, lsm::EntryKind::kMerge, encoded.substr(key, operand - key),
                          encoded.substr(operand, end - operand)});
  }
}

void IndexChanges::Seal(std::vector<lsm::Mutation>* mutations) {
  AURORA_DCHECK(terms_.empty());
  Sort();
  GroupByTerm();
  AppendOperands(mutations);
}

}  // namespace aurora::index
