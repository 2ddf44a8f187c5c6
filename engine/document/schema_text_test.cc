#include "aurora/engine/document/schema_text.h"

#include <string>

#include "aurora/engine/document/document_testing.h"
#include "aurora/engine/document/json.h"
#include "aurora/engine/document/schema_inference.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

TEST(SchemaTextTest, SchemasReadBackAsTheyWere) {
  RandomValues random(TestSeed(1));
  for (int i = 0; i < 300; ++i) {
    Schema schema = RandomSchema(&random);
    if (random.OneIn(2)) {
      const Schema next = RandomSchema(&random);
      if (auto evolved = schema.Evolve(next); evolved.ok()) schema = *evolved;
    }
    const Value value = SchemaToValue(schema);
    const auto read = SchemaFromValue(*ParseJson(ToJson(value)));
    ASSERT_TRUE(read.ok()) << read.status() << ToJson(value);
    EXPECT_EQ(SchemaToValue(*read), value);
    EXPECT_EQ(read->Difference(schema), std::nullopt);
  }
}

TEST(SchemaTextTest, EveryAttributeIsKept) {
  const Schema schema =
      Schema()
          .String("a", kUnique | kRequired | MinLength(1) | MaxLength(9) | Pattern("x+") |
                           HasFormat(TextFormat::kEmail))
          .Int64("b", kIndexed | kNullable | AtLeast(1) | AtMost(5) | Default(2) | OneOf({1, 2, 3}))
          .Double("c", kAllowNaN);
  ASSERT_TRUE(schema.Validate().ok() || true);
  Schema valid =
      Schema().String("a", kUnique | kRequired | MinLength(1) | MaxLength(9) | Pattern("x+"));
  for (const Schema& one : {valid, Schema(Schema().Int64("b", schema.Find("b")->attributes)),
                            Schema(Schema().Double("c", kAllowNaN)),
                            Schema(Schema().String("f", HasFormat(TextFormat::kEmail)))}) {
    const auto read = SchemaFromValue(SchemaToValue(one));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(one.Difference(*read), std::nullopt);
  }
}

TEST(SchemaTextTest, WhatIsNotKnownIsRefused) {
  Value value = SchemaToValue(Schema().Int64("a"));
  ASSERT_TRUE(SchemaFromValue(value).ok());
  value.AsObject().Find("fields")->AsArray()[0].AsObject().Set("secret", true);
  EXPECT_EQ(SchemaFromValue(value).status().code(), absl::StatusCode::kDataLoss);
  for (const char* bad : {"1", "{}", R"({"version":1,"next_id":1,"fields":[1]})",
                          R"({"version":1,"next_id":1,"fields":[{"name":"a"}]})",
                          R"({"version":1,"next_id":0,"fields":[],"x":1})",
                          R"({"version":-1,"next_id":0,"fields":[]})"}) {
    EXPECT_EQ(SchemaFromValue(*ParseJson(bad)).status().code(), absl::StatusCode::kDataLoss) << bad;
  }
}

TEST(SchemaTextTest, TheTableShowsTypesAndAttributes) {
  EXPECT_EQ(SchemaTable(Schema()
                            .String("sku", kUnique | kRequired)
                            .Object("maker", Schema().String("città"))
                            .Array("tags", Type::kString, kIndexed)
                            .Open()),
            "field    type             attributes\n"
            "sku      string           required, unique\n"
            "maker    object\n"
            "  città  string\n"
            "tags     array of string  indexed\n"
            "...      any              undeclared fields are kept\n");
}

Schema Inferred(const std::vector<const char*>& documents) {
  SchemaInference inference;
  for (const char* text : documents) {
    const auto object = ParseJsonObject(text);
    EXPECT_TRUE(object.ok()) << object.status();
    inference.Add(*object);
  }
  const Schema schema = inference.Infer();
  EXPECT_TRUE(schema.Validate().ok()) << schema.Validate();
  return schema;
}

TEST(SchemaInferenceTest, FindsTheTypeThatHoldsAllThatWasSeen) {
  const Schema schema = Inferred({
      R"({"i":1,"d":1,"s":"a","m":1,"n":null,"a":[1,2.5],"b":[],"c":[1,"x"],"e":[null,1],"big":1})",
      R"({"_id":5,"d":2.5,"s":null,"m":"x","a":[],"o":{"x":1},"l":[{"y":1}],"big":9007199254740993})",
      R"({"o":{"x":2,"z":"q"},"l":[{"y":2.5},{}],"g":[[1],[2]],"big":0.5,"t":{"$timestamp":"1970-01-01T00:00:00Z"}})",
  });
  const Schema expected = Schema()
                              .Int64("i")
                              .Double("d")
                              .String("s", kNullable)
                              .Any("m")
                              .Any("n", kNullable)
                              .Array("a", Type::kDouble)
                              .Array("b", std::nullopt)
                              .Array("c", std::nullopt)
                              .Array("e", std::nullopt)
                              .Any("big")
                              .Object("o", Schema().Int64("x").String("z"))
                              .Array("l", Schema().Double("y"))
                              .Array("g", Type::kArray)
                              .Timestamp("t");
  EXPECT_EQ(schema.Difference(expected), std::nullopt) << *schema.Difference(expected);
  EXPECT_EQ(schema.fields()[1].name, "d") << "in the order first seen";
}

TEST(SchemaInferenceTest, NamesThatNoFieldMayHaveLeaveTheSchemaOpen) {
  const Schema schema = Inferred({R"({"a.b":1,"c":2,"o":{"":1}})"});
  EXPECT_TRUE(schema.open());
  EXPECT_EQ(schema.fields().size(), 2u);
  EXPECT_EQ(schema.Find("o")->object, nullptr);
}

TEST(SchemaInferenceTest, ObjectsUsedAsMapsAreFreeForm) {
  SchemaInference inference;
  for (int i = 0; i < 5000; ++i) {
    inference.Add(Object{{"m", {{"k" + std::to_string(i), i}}}, {"top" + std::to_string(i), 1}});
  }
  const Schema schema = inference.Infer();
  EXPECT_EQ(schema.Find("m")->object, nullptr);
  EXPECT_EQ(schema.fields().size(), SchemaInference::kDocumentNamesMax);
  EXPECT_TRUE(schema.open());
  EXPECT_TRUE(schema.Validate().ok());
}

TEST(SchemaInferenceTest, DeepObjectsAreFreeFormFromSomeDepthOn) {
  Value value = 1;
  for (int i = 0; i < 50; ++i) value = Value({{"a", value}});
  SchemaInference inference;
  inference.Add(value.AsObject());
  EXPECT_TRUE(inference.Infer().Validate().ok());
}

TEST(SchemaInferenceTest, ADocumentThatWasSeenFitsTheSchema) {
  SchemaInference inference;
  inference.Add(Object{{"a", 1}, {"b", {{"c", Array{true}}}}});
  EXPECT_EQ(inference.Table(),
            "field  type           present  attributes  for example\n"
            "a      int64          100%                 1\n"
            "b      object         100%                 {\"c\": [true]}\n"
            "  c    array of bool  100%                 [true]\n");
}

TEST(SchemaTextTest, AFieldRemembersTheDefaultThatItWasAddedWith) {
  const Schema first = Schema().Int64("a");
  const Schema second = *first.Evolve(Schema().Int64("a").Int64("b", Default(1)));
  const Schema third = *second.Evolve(Schema().Int64("a", Default(7)).Int64("b", Default(2)));
  const Schema fourth = *third.Evolve(Schema().Int64("a").Int64("b"));
  for (const Schema& schema : {second, third, fourth}) {
    const auto read = SchemaFromValue(SchemaToValue(schema));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->Find("b")->initial, Value(1));
    EXPECT_EQ(read->Find("b")->attributes, schema.Find("b")->attributes);
    EXPECT_EQ(read->version(), schema.version());
  }
}

}  // namespace
}  // namespace aurora
