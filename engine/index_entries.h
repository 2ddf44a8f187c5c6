// What an operation on a document does to the store: the document itself, the entries of its
// indices. The one place that derives them, at commit and again at replay, from the same operation.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aurora/engine/collection.h"
#include "aurora/engine/document/document_id.h"
#include "aurora/engine/document/value.h"
#include "aurora/engine/document/value_view.h"
#include "aurora/index/equality_index.h"
#include "aurora/index/row_set.h"
#include "aurora/lsm/types.h"

namespace aurora::engine {

// The terms of `document` in `index`, ascending and distinct: see FieldIndex. `document` may hold
// only some fields, the indexed one among them if it has a value.
std::vector<std::string> IndexTerms(const FieldIndex& index, const ObjectView& document);

// The key of an id in the keyspace CollectionDefinition::ids, empty if the id has no entry there
// because it carries `row`.
std::string OwnIdKey(const DocumentId& id, index::RowId row);

// Collects the mutations of one commit. A row may be touched by one operation only. An index that
// is being built is left alone where it does not hold the row (IndexProgress::Holds). Not
// thread-safe.
class EntryBuilder {
 public:
  // `bytes`, the encoded document, must outlive this object; the views need not.
  void Insert(const CollectionDefinition& collection, index::RowId row, const DocumentId& id,
              std::string_view bytes, const ObjectView& document);
  // `old_fields` has the old values of the changed slots, as far as they had one.
  void Update(const CollectionDefinition& collection, index::RowId row, std::string_view bytes,
              const ObjectView& document, std::span<const FieldSlot> changed,
              const ObjectView& old_fields);
  void Delete(const CollectionDefinition& collection, index::RowId row, const DocumentId& id,
              const ObjectView& old_document);

  // Puts the entries of a document that was there before the index, whose field has `value`.
  void Backfill(const FieldIndex& index, index::RowId row, Value value);
  // Empties a keyspace.
  void Clear(lsm::KeyspaceId keyspace);
  // Empties all keyspaces of a collection.
  void ClearAll(const CollectionDefinition& collection);

  // The mutations so far: valid while this object lives and is not added to.
  std::span<const lsm::Mutation> Finish();

 private:
  void AddTerms(const FieldIndex& index, index::RowId row, const ObjectView& document);
  void RemoveTerms(const FieldIndex& index, index::RowId row, const ObjectView& document);
  void PutRow(lsm::KeyspaceId keyspace, std::string key, index::RowId row);
  std::string_view Keep(std::string bytes);

  std::deque<std::string> kept_;  // what views of mutations point to
  std::vector<lsm::Mutation> mutations_;
  index::EqualityChanges equality_;
};

}  // namespace aurora::engine
