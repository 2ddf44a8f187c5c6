#include "aurora/engine/collection.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "aurora/engine/catalog.capnp.h"
#include "aurora/engine/document/document.h"
#include "aurora/engine/document/document_encoder.h"
#include "aurora/engine/document/schema_text.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"
#include "capnp/message.h"
#include "capnp/serialize.h"
#include "kj/exception.h"

namespace aurora::engine {
namespace {

constexpr std::size_t kNameBytesMax = 128;

// The indices that the schema asks for, without keyspaces. A field that is unique and indexed has
// one, the unique.
std::vector<FieldIndex> IndicesOf(const Schema& schema) {
  std::vector<FieldIndex> indices;
  for (const FieldSchema& field : schema.fields()) {
    const bool unique = field.attributes.Has(kUnique);
    if (field.dropped() || (!unique && !field.attributes.Has(kIndexed))) continue;
    FieldIndex& index = indices.emplace_back();
    index.field = field.name;
    index.slot = field.id;
    index.unique = unique;
    index.array = field.type == Type::kArray;
  }
  return indices;
}

// The messages are checksummed and of a few kilobytes, so the only limit that matters is on
// nesting.
capnp::ReaderOptions Limits() {
  capnp::ReaderOptions options;
  options.nestingLimit = 8;
  return options;
}

absl::StatusOr<std::shared_ptr<const CollectionDefinition>> Read(
    wire::CollectionDefinition::Reader reader, std::string_view bytes) {
  auto definition = std::make_shared<CollectionDefinition>();
  definition->id = reader.getId();
  definition->name = std::string(reader.getName().begin(), reader.getName().size());
  const capnp::Data::Reader data = reader.getSchema();
  AURORA_ASSIGN_OR_RETURN(const ValueView value,
                          OpenValue({reinterpret_cast<const char*>(data.begin()), data.size()}));
  AURORA_ASSIGN_OR_RETURN(const Schema schema, SchemaFromValue(value));
  // Text that is not UTF-8 passes until here, and could never be written again.
  AURORA_RETURN_IF_ERROR(EncodeValue(SchemaToValue(schema), DocumentLimits::Absolute()).status());
  AURORA_ASSIGN_OR_RETURN(definition->layout, Layout::Create(schema));
  definition->documents = reader.getDocuments();
  definition->ids = reader.getIds();
  definition->indices = IndicesOf(schema);
  const auto indices = reader.getIndices();
  if (indices.size() != definition->indices.size())
    return DataLossError("collection definition: indices do not fit the schema");
  for (unsigned i = 0; i < indices.size(); ++i) {
    FieldIndex& index = definition->indices[i];
    if (indices[i].getFieldId() != index.slot || indices[i].getUnique() != index.unique) {
      return DataLossError("collection definition: indices do not fit the schema");
    }
    index.keyspace = indices[i].getKeyspace();
  }
  definition->revision = reader.getRevision();
  definition->encoded = std::string(bytes);
  return definition;
}

std::string EncodeDefinition(const CollectionDefinition& definition) {
  capnp::MallocMessageBuilder message;
  auto builder = message.initRoot<wire::CollectionDefinition>();
  builder.setId(definition.id);
  builder.setName(definition.name.c_str());
  // A valid schema holds nothing that cannot be encoded.
  const absl::StatusOr<std::string> schema =
      EncodeValue(SchemaToValue(definition.layout->schema()), DocumentLimits::Absolute());
  AURORA_CHECK(schema.ok());
  builder.setSchema(
      capnp::Data::Reader(reinterpret_cast<const capnp::byte*>(schema->data()), schema->size()));
  builder.setDocuments(definition.documents);
  builder.setIds(definition.ids);
  auto out = builder.initIndices(static_cast<unsigned>(definition.indices.size()));
  for (unsigned i = 0; i < out.size(); ++i) {
    out[i].setFieldId(definition.indices[i].slot);
    out[i].setUnique(definition.indices[i].unique);
    out[i].setKeyspace(definition.indices[i].keyspace);
  }
  builder.setRevision(definition.revision);
  const kj::Array<capnp::word> words = capnp::messageToFlatArray(message);
  return std::string(reinterpret_cast<const char*>(words.begin()),
                     words.size() * sizeof(capnp::word));
}

}  // namespace

absl::Status CheckCollectionName(std::string_view name) {
  bool good = !name.empty() && name.size() <= kNameBytesMax && name[0] != '-';
  for (const char c : name)
    good = good && (std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-');
  if (!good) {
    return InvalidArgumentError("collection name ", Quoted(name), ": must be 1 to ", kNameBytesMax,
                                " letters, digits, '_' or '-', and not start with '-'");
  }
  if (name[0] == '_')
    return InvalidArgumentError("collection name ", Quoted(name),
                                ": names with a leading '_' are the system's");
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const CollectionDefinition>> CollectionDefinition::Create(
    CollectionId id, std::string name, const Schema& schema, lsm::KeyspaceId* next_keyspace) {
  AURORA_RETURN_IF_ERROR(CheckCollectionName(name));
  auto definition = std::make_shared<CollectionDefinition>();
  absl::StatusOr<std::shared_ptr<const Layout>> layout = Layout::Create(schema);
  if (!layout.ok()) return Annotate(layout.status(), StrCat("collection ", Quoted(name)));
  definition->id = id;
  definition->name = std::move(name);
  definition->layout = *std::move(layout);
  definition->indices = IndicesOf(schema);
  definition->documents = (*next_keyspace)++;
  definition->ids = (*next_keyspace)++;
  for (FieldIndex& index : definition->indices) index.keyspace = (*next_keyspace)++;
  definition->encoded = EncodeDefinition(*definition);
  return definition;
}

absl::StatusOr<std::shared_ptr<const CollectionDefinition>> CollectionDefinition::Change(
    const CollectionDefinition& from, std::string name, const Schema& schema,
    lsm::KeyspaceId* next_keyspace) {
  AURORA_RETURN_IF_ERROR(CheckCollectionName(name));
  auto definition = std::make_shared<CollectionDefinition>();
  absl::StatusOr<std::shared_ptr<const Layout>> layout = Layout::Create(schema);
  if (!layout.ok()) return Annotate(layout.status(), StrCat("collection ", Quoted(name)));
  definition->id = from.id;
  definition->name = std::move(name);
  definition->layout = *std::move(layout);
  definition->documents = from.documents;
  definition->ids = from.ids;
  definition->revision = from.revision + 1;
  definition->indices = IndicesOf(schema);
  for (FieldIndex& index : definition->indices) {
    const auto same =
        std::find_if(from.indices.begin(), from.indices.end(), [&](const FieldIndex& old) {
          return old.slot == index.slot && old.unique == index.unique;
        });
    index.keyspace = same != from.indices.end() ? same->keyspace : (*next_keyspace)++;
  }
  definition->encoded = EncodeDefinition(*definition);
  return definition;
}

std::vector<lsm::KeyspaceId> CollectionDefinition::DroppedSince(
    const CollectionDefinition& from) const {
  std::vector<lsm::KeyspaceId> dropped;
  for (const FieldIndex& index : from.indices) {
    if (FindIndex(index.keyspace) == nullptr) dropped.push_back(index.keyspace);
  }
  return dropped;
}

const FieldIndex* CollectionDefinition::FindIndex(std::string_view field) const {
  for (const FieldIndex& index : indices) {
    if (index.field == field) return &index;
  }
  return nullptr;
}

const FieldIndex* CollectionDefinition::FindIndex(lsm::KeyspaceId keyspace) const {
  for (const FieldIndex& index : indices) {
    if (index.keyspace == keyspace) return &index;
  }
  return nullptr;
}

void IndexProgress::Begin(index::RowId end, lsm::Sequence at) {
  next_.store(0, std::memory_order_release);
  end_.store(end, std::memory_order_release);
  ready_since_.store(end == 0 ? at : lsm::kMaxSequence, std::memory_order_release);
}

void IndexProgress::Advance(index::RowId next, lsm::Sequence at) {
  next_.store(next, std::memory_order_release);
  if (next >= end()) ready_since_.store(at, std::memory_order_release);
}

void IndexProgress::Restore(index::RowId next, index::RowId end, lsm::Sequence ready_since) {
  next_.store(next, std::memory_order_release);
  end_.store(end, std::memory_order_release);
  ready_since_.store(ready_since, std::memory_order_release);
}

absl::StatusOr<std::shared_ptr<const CollectionDefinition>> CollectionDefinition::Decode(
    std::string_view bytes) {
  if (bytes.size() % sizeof(capnp::word) != 0)
    return DataLossError("collection definition: ", bytes.size(), " bytes");
  kj::Array<capnp::word> words = kj::heapArray<capnp::word>(bytes.size() / sizeof(capnp::word));
  bytes.copy(reinterpret_cast<char*>(words.begin()), bytes.size());
  absl::StatusOr<std::shared_ptr<const CollectionDefinition>> definition =
      DataLossError("collection definition");
  const kj::Maybe<kj::Exception> thrown = kj::runCatchingExceptions([&] {
    capnp::FlatArrayMessageReader message(words, Limits());
    definition = Read(message.getRoot<wire::CollectionDefinition>(), bytes);
  });
  KJ_IF_MAYBE (exception, thrown) {
    return DataLossError("collection definition: ", exception->getDescription().cStr());
  }
  return definition;
}

std::string RowKey(index::RowId row) {
  AURORA_DCHECK(row <= index::kMaxRowId);
  std::string key(kRowKeyBytes, '\0');
  for (std::size_t i = kRowKeyBytes; i-- > 0; row >>= 8) key[i] = static_cast<char>(row);
  return key;
}

absl::StatusOr<index::RowId> ParseRowKey(std::string_view key) {
  if (key.size() != kRowKeyBytes) return DataLossError("a row key of ", key.size(), " bytes");
  index::RowId row = 0;
  for (const char byte : key) row = row << 8 | static_cast<unsigned char>(byte);
  return row;
}

}  // namespace aurora::engine
