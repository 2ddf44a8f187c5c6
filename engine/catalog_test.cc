#include "aurora/engine/catalog.h"

#include <memory>
#include <string>

#include "aurora/engine/collection.h"
#include "aurora/engine/document/schema.h"
#include "aurora/engine/document/value.h"
#include "gtest/gtest.h"

namespace aurora::engine {
namespace {

Schema FullSchema() {
  return Schema()
      .String("sku", kUnique | kRequired | MinLength(2) | MaxLength(40) | Pattern("[A-Z].*"))
      .Double("price", kIndexed | AtLeast(0) | AtMost(1e6))
      .Int64("count", Default(1))
      .String("state", kIndexed | kNullable | OneOf({"new", "old"}) | Default("new"))
      .String("mail", HasFormat(TextFormat::kEmail))
      .Array("tags", Type::kString, kIndexed)
      .Array("parts", Schema().String("name").Int64("n"))
      .Object("maker", Schema().String("name", kRequired).Object("address"))
      .Any("extra")
      .Open();
}

std::shared_ptr<const CollectionDefinition> Define(const Catalog& catalog, std::string name,
                                                   const Schema& schema) {
  lsm::KeyspaceId next = catalog.next_keyspace();
  absl::StatusOr<std::shared_ptr<const CollectionDefinition>> definition =
      CollectionDefinition::Create(catalog.next_collection(), std::move(name), schema, &next);
  EXPECT_TRUE(definition.ok()) << definition.status();
  return *definition;
}

TEST(CatalogTest, DefinitionsRoundTripWithAllTheySay) {
  Catalog catalog;
  const auto definition = Define(catalog, "products", FullSchema());
  const auto read = CollectionDefinition::Decode(definition->Encode());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ((*read)->name, "products");
  EXPECT_EQ((*read)->layout->schema().Difference(FullSchema()), std::nullopt);
  EXPECT_EQ((*read)->layout->schema().version(), definition->layout->schema().version());
  ASSERT_EQ((*read)->indices.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ((*read)->indices[i].field, definition->indices[i].field);
    EXPECT_EQ((*read)->indices[i].keyspace, definition->indices[i].keyspace);
    EXPECT_EQ((*read)->indices[i].unique, definition->indices[i].unique);
  }
}

TEST(CatalogTest, DamagedDefinitionsAreRefusedOrStillDefinitions) {
  Catalog catalog;
  const std::string bytes = Define(catalog, "products", FullSchema())->Encode();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const int bit : {0, 3, 7}) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ 1 << bit);
      const auto read = CollectionDefinition::Decode(damaged);
      if (read.ok()) {
        EXPECT_FALSE((*read)->Encode().empty());
      } else {
        EXPECT_FALSE(read.status().message().empty());
      }
    }
    EXPECT_FALSE(CollectionDefinition::Decode(bytes.substr(0, i)).ok()) << i;
  }
}

TEST(CatalogTest, WhatIsSavedIsRestored) {
  Catalog catalog;
  ASSERT_TRUE(catalog.Add(Define(catalog, "a", FullSchema())).ok());
  ASSERT_TRUE(catalog.Add(Define(catalog, "b", Schema().String("x"))).ok());
  catalog.Find("b")->next_row = 77;
  Catalog restored;
  std::int64_t tick = 0;
  ASSERT_TRUE(restored.Restore(catalog.Save(123), &tick).ok());
  EXPECT_EQ(tick, 123);
  EXPECT_EQ(restored.All().size(), 2u);
  EXPECT_EQ(restored.Find("b")->next_row, 77u);
  EXPECT_EQ(restored.Find("b")->definition->documents, catalog.Find("b")->definition->documents);
  EXPECT_EQ(restored.next_collection(), catalog.next_collection());
  EXPECT_EQ(restored.next_keyspace(), catalog.next_keyspace());
  EXPECT_EQ(restored.Find("c"), nullptr);
}

TEST(CatalogTest, NumbersAreNeverGivenTwice) {
  Catalog catalog;
  const auto first = Define(catalog, "a", Schema().String("x", kIndexed));
  ASSERT_TRUE(catalog.Add(first).ok());
  EXPECT_EQ(catalog.Add(first).code(), absl::StatusCode::kDataLoss);
  const auto second = Define(catalog, "b", Schema().String("x", kIndexed));
  EXPECT_GT(second->documents, first->indices[0].keyspace);
  EXPECT_GT(second->id, first->id);
}

TEST(CatalogTest, BadNamesAreRefused) {
  const std::string long_name(200, 'a');
  for (const std::string& name : {std::string(), std::string("a b"), std::string("_system"),
                                  std::string("-x"), std::string("a/b"), long_name}) {
    EXPECT_EQ(CheckCollectionName(name).code(), absl::StatusCode::kInvalidArgument) << name;
  }
  EXPECT_TRUE(CheckCollectionName("Products-2024_x").ok());
}

TEST(RowKeyTest, KeysSortAsRowsDo) {
  EXPECT_LT(RowKey(255), RowKey(256));
  EXPECT_EQ(*ParseRowKey(RowKey(index::kMaxRowId)), index::kMaxRowId);
  EXPECT_FALSE(ParseRowKey("12345").ok());
}

}  // namespace
}  // namespace aurora::engine
