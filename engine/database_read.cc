// DatabaseImpl: reads that are answered from memory, without a coroutine.
#include "aurora/engine/database_impl.h"

namespace aurora::engine {

// No pass through the gate: nothing is touched that Close takes away, and a database that is closed
// is left to the others to refuse.
std::optional<Document> DatabaseImpl::FindHot(const CollectionState& collection,
                                              const DocumentId& id) {
  const std::optional<index::RowId> row = id.EmbeddedRowId();
  if (!row.has_value() || gate_.closed()) return std::nullopt;
  std::optional<Document> hot =
      hot_tier_.GetHit({collection.definition->id, *row}, store_->published());
  if (!hot.has_value()) return std::nullopt;
  // A user's own UUIDv7 has bits where ours have the row. A document that is laid out as the schema
  // was before is for those who lay it out anew.
  const bool is_it = Equal(hot->view().id_value(), id.ToValue()) &&
                     hot->layout() == collection.definition->layout && !collection.dropped;
  if (!is_it) return std::nullopt;
  return hot;
}

}  // namespace aurora::engine
