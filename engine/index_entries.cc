#include "aurora/engine/index_entries.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "aurora/engine/document/key_encoding.h"
#include "aurora/runtime/fault_points.h"

namespace aurora::engine {

std::vector<std::string> IndexTerms(const FieldIndex& index, const ObjectView& document) {
  const ValueView value = document.Find(index.field).value_or(ValueView());
  std::vector<std::string> terms;
  if (index.array && value.type() == Type::kArray) {
    for (const ValueView item : value.AsArray()) terms.push_back(EncodeKey(item));
    std::sort(terms.begin(), terms.end());
    terms.erase(std::unique(terms.begin(), terms.end()), terms.end());
  } else if (!index.array && !(index.unique && value.is_null())) {
    terms.push_back(EncodeKey(value));
  }
  return terms;
}

std::string OwnIdKey(const DocumentId& id, index::RowId row) {
  return id.EmbeddedRowId() == row ? std::string() : id.EncodedKey();
}

std::string_view EntryBuilder::Keep(std::string bytes) {
  return kept_.emplace_back(std::move(bytes));
}

void EntryBuilder::PutRow(lsm::KeyspaceId keyspace, std::string key, index::RowId row) {
  const std::string_view kept_key = Keep(std::move(key));
  mutations_.push_back({keyspace, lsm::EntryKind::kPut, kept_key, Keep(RowKey(row))});
}

void EntryBuilder::AddTerms(const FieldIndex& index, index::RowId row, const ObjectView& document) {
  for (std::string& term : IndexTerms(index, document)) {
    if (index.unique) {
      PutRow(index.keyspace, std::move(term), row);
    } else {
      equality_.Add(index.keyspace, term, row);
    }
  }
}

void EntryBuilder::RemoveTerms(const FieldIndex& index, index::RowId row,
                               const ObjectView& document) {
  for (std::string& term : IndexTerms(index, document)) {
    if (index.unique) {
      mutations_.push_back({index.keyspace, lsm::EntryKind::kDelete, Keep(std::move(term)), {}});
    } else {
      equality_.Remove(index.keyspace, term, row);
    }
  }
}

void EntryBuilder::Insert(const CollectionDefinition& collection, index::RowId row,
                          const DocumentId& id, std::string_view bytes,
                          const ObjectView& document) {
  mutations_.push_back({collection.documents, lsm::EntryKind::kPut, Keep(RowKey(row)), bytes});
  if (std::string key = OwnIdKey(id, row); !key.empty())
    PutRow(collection.ids, std::move(key), row);
  for (const FieldIndex& index : collection.indices) {
    if (index.progress->Holds(row)) AddTerms(index, row, document);
  }
}

void EntryBuilder::Update(const CollectionDefinition& collection, index::RowId row,
                          std::string_view bytes, const ObjectView& document,
                          std::span<const FieldSlot> changed, const ObjectView& old_fields) {
  mutations_.push_back({collection.documents, lsm::EntryKind::kPut, Keep(RowKey(row)), bytes});
  for (const FieldIndex& index : collection.indices) {
    if (!std::binary_search(changed.begin(), changed.end(), index.slot)) continue;
    if (!index.progress->Holds(row)) continue;
    // In this order: a term that is both old and new stays.
    RemoveTerms(index, row, old_fields);
    if (AURORA_PLANTED_BUG("index-lose-entry-on-update")) continue;
    AddTerms(index, row, document);
  }
}

void EntryBuilder::Delete(const CollectionDefinition& collection, index::RowId row,
                          const DocumentId& id, const ObjectView& old_document) {
  mutations_.push_back({collection.documents, lsm::EntryKind::kDelete, Keep(RowKey(row)), {}});
  if (std::string key = OwnIdKey(id, row); !key.empty()) {
    mutations_.push_back({collection.ids, lsm::EntryKind::kDelete, Keep(std::move(key)), {}});
  }
  for (const FieldIndex& index : collection.indices) {
    if (index.progress->Holds(row)) RemoveTerms(index, row, old_document);
  }
}

void EntryBuilder::Backfill(const FieldIndex& index, index::RowId row, Value value) {
  Object document;
  document.Set(index.field, std::move(value));
  AddTerms(index, row, document);
}

void EntryBuilder::Clear(lsm::KeyspaceId keyspace) {
  mutations_.push_back({keyspace, lsm::EntryKind::kDeleteRange, {}, {}});
}

void EntryBuilder::ClearAll(const CollectionDefinition& collection) {
  Clear(collection.documents);
  Clear(collection.ids);
  for (const FieldIndex& index : collection.indices) Clear(index.keyspace);
}

std::span<const lsm::Mutation> EntryBuilder::Finish() {
  // A unique value that one operation gives up and another takes has two mutations: the later wins,
  // as the store allows one for each key.
  equality_.AppendTo(&mutations_);
  std::vector<std::size_t> order(mutations_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) {
    const lsm::Mutation& a = mutations_[i];
    const lsm::Mutation& b = mutations_[j];
    if (a.keyspace != b.keyspace) return a.keyspace < b.keyspace;
    const int keys = a.key.compare(b.key);
    return keys != 0 ? keys < 0 : i < j;
  });
  std::vector<lsm::Mutation> last;
  last.reserve(mutations_.size());
  for (const std::size_t i : order) {
    const lsm::Mutation& mutation = mutations_[i];
    const bool same = !last.empty() && last.back().keyspace == mutation.keyspace &&
                      last.back().key == mutation.key;
    if (same) {
      last.back() = mutation;
    } else {
      last.push_back(mutation);
    }
  }
  mutations_ = std::move(last);
  return mutations_;
}

}  // namespace aurora::engine
