#include "aurora/engine/document/document.h"

#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "aurora/engine/document/document_encoder.h"
#include "aurora/engine/document/document_testing.h"
#include "aurora/engine/document/document_validator.h"
#include "aurora/engine/document/json.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

using absl::StatusCode;

std::shared_ptr<const Layout> LayoutOf(const Schema& schema) {
  auto layout = Layout::Create(schema);
  EXPECT_TRUE(layout.ok()) << layout.status();
  return *layout;
}

Schema Products() {
  return Schema()
      .String("sku", kUnique | kRequired)
      .Double("price", kIndexed | kNullable | AtLeast(0))
      .Bool("in_stock")
      .Int64("count", Default(7))
      .Array("tags", Type::kString)
      .Array("parts", Schema().String("name", kRequired).Int64("n"))
      .Object("maker", Schema().String("name").String("city", kNullable))
      .Uuid("key")
      .Timestamp("made")
      .Any("extra")
      .Object("free");
}

Object Lamp() {
  return {{"sku", "A-1"},
          {"price", 39.5},
          {"in_stock", true},
          {"tags", Array{"brass", "desk"}},
          {"parts", Array{Object{{"name", "foot"}, {"n", 1}}, Object{{"name", "bulb"}}}},
          {"maker", {{"name", "Lumen"}, {"city", nullptr}}},
          {"key", Uuid::FromHalves(1, 2)},
          {"made", Timestamp{5}},
          {"extra", Array{1, "x", nullptr}},
          {"free", {{"a", {{"b", Array{true}}}}}}};
}

Document Write(const std::shared_ptr<const Layout>& layout, const Object& object,
               const std::optional<DocumentId>& id = std::nullopt) {
  const auto bytes = EncodeDocument(*layout, id, object);
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  auto document = Document::Open(layout, *bytes, layout->version());
  EXPECT_TRUE(document.ok()) << document.status() << DebugString(Value(object), 2000);
  return *document;
}

TEST(DocumentTest, FieldsReadBackBySlotNameAndPath) {
  const auto layout = LayoutOf(Products());
  const Document lamp = Write(layout, Lamp(), DocumentId("lamp"));
  EXPECT_EQ(lamp.id(), DocumentId("lamp"));
  EXPECT_EQ(lamp.Get(*layout->Find("price")).AsDouble(), 39.5);
  EXPECT_EQ(lamp.Get("sku").AsString(), "A-1");
  EXPECT_TRUE(lamp.Get("in_stock").AsBool());
  EXPECT_EQ(lamp.Get("count").AsInt64(), 7) << "the default";
  EXPECT_EQ(lamp.Get("tags").AsArray()[1].AsString(), "desk");
  EXPECT_EQ(lamp.Get("maker.name").AsString(), "Lumen");
  EXPECT_TRUE(lamp.Find("maker.city")->is_null());
  EXPECT_EQ(lamp.Get("_id").AsString(), "lamp");
  EXPECT_EQ(lamp.Get("key").AsUuid(), Uuid::FromHalves(1, 2));
  EXPECT_EQ(lamp.Get("made").AsTimestamp(), Timestamp{5});
  EXPECT_TRUE(lamp.Get("extra").AsArray()[2].is_null());
  EXPECT_TRUE(lamp.Get("free.a.b").AsArray()[0].AsBool());
  EXPECT_EQ(lamp.Get("parts").AsArray()[1].AsObject().Find("name")->AsString(), "bulb");
  EXPECT_FALSE(lamp.Get("parts").AsArray()[1].AsObject().Find("n").has_value());
  EXPECT_FALSE(lamp.Find("colour").has_value());
  EXPECT_FALSE(lamp.Find("sku.x").has_value());
  EXPECT_TRUE(lamp.Get("maker.x.y").is_null());
}

TEST(DocumentTest, ListsItsFieldsInTheOrderOfTheSchema) {
  const auto layout = LayoutOf(Schema().Int64("b").String("a").Open());
  const Document document = Write(layout, {{"z", 1}, {"a", "x"}, {"b", 2}}, DocumentId(9));
  EXPECT_EQ(document.ToJson(), R"({"_id":9,"b":2,"a":"x","z":1})");
  EXPECT_EQ(document.fields().size(), 4u);
  EXPECT_EQ(document.Get("z").AsInt64(), 1);
  EXPECT_EQ(Value(document.ToObject()), Value(Object{{"_id", 9}, {"b", 2}, {"a", "x"}, {"z", 1}}));
}

TEST(DocumentTest, IdsOfAllKindsAreKept) {
  const auto layout = LayoutOf(Schema().Int64("a"));
  for (const DocumentId& id : {DocumentId("x"), DocumentId(0), DocumentId(-5), DocumentId(),
                               DocumentId(Uuid::FromHalves(7, 8))}) {
    EXPECT_EQ(Write(layout, {}, id).id(), id);
    EXPECT_EQ(Write(layout, {{"_id", Value(id.ToValue())}, {"a", 1}}, id).id(), id);
    EXPECT_EQ(EncodeDocument(*layout, id, Object{{"_id", "other"}}).status().code(),
              StatusCode::kInvalidArgument);
  }
  EXPECT_TRUE(Write(layout, {}).view().id_value().is_null());
}

TEST(DocumentTest, RandomDocumentsOfRandomSchemasReadBack) {
  RandomValues random(TestSeed(1));
  for (int i = 0; i < 400; ++i) {
    const Schema schema = RandomSchema(&random);
    const auto layout = LayoutOf(schema);
    for (int j = 0; j < 5; ++j) {
      const Object object = RandomObject(&random, schema);
      const Document document = Write(layout, object);
      if (testing::Test::HasFailure()) return;
      const Object expected = WithDefaults(schema, object);
      ASSERT_EQ(Value(document.ToObject()), Value(expected))
          << DebugString(document.fields(), 4000) << "\n"
          << DebugString(Value(expected), 4000);
      for (const auto& [name, value] : expected) {
        EXPECT_TRUE(Equal(*document.fields().Find(name), value));
      }
      // What it reads as encodes to the same bytes, so the form is canonical.
      EXPECT_EQ(*EncodeDocument(*layout, std::nullopt, document.fields()), document.bytes());
      EXPECT_EQ(*ParseJson(document.ToJson()), Value(expected));
    }
  }
}

TEST(DocumentTest, TheOrderOfMembersMakesNoDifferenceToTheBytes) {
  const auto layout = LayoutOf(Schema().Int64("a").String("b").Double("c"));
  EXPECT_EQ(*EncodeDocument(*layout, std::nullopt, Object{{"a", 1}, {"b", "x"}, {"c", 2}}),
            *EncodeDocument(*layout, std::nullopt, Object{{"c", 2.0}, {"b", "x"}, {"a", 1.0}}));
}

TEST(DocumentTest, OlderDocumentsShowTheDefaultsOfNewerFieldsOnly) {
  const Schema first = Schema().Int64("a").Object("o", Schema().Int64("x"));
  const auto old_layout = LayoutOf(first);
  const auto second = first.Evolve(Schema()
                                       .Int64("a")
                                       .Object("o", Schema().Int64("x").String("y", Default("d")))
                                       .Double("b", Default(2))
                                       .String("c"));
  const auto layout = LayoutOf(*second);
  const auto bytes =
      EncodeDocument(*old_layout, DocumentId(1), Object{{"a", 5}, {"o", {{"x", 1}}}});
  const auto old = Document::Open(layout, *bytes, 1);
  ASSERT_TRUE(old.ok()) << old.status();
  EXPECT_EQ(old->Get("a").AsInt64(), 5);
  EXPECT_EQ(old->Get("b").AsDouble(), 2);
  EXPECT_EQ(old->Get("o.y").AsString(), "d");
  EXPECT_FALSE(old->Find("c").has_value());
  EXPECT_EQ(old->ToJson(), R"({"_id":1,"a":5,"o":{"x":1,"y":"d"},"b":2.0})");
  // The same bytes, if they were written knowing the field, lack it.
  EXPECT_FALSE(Document::Open(layout, *bytes, 2)->Find("b").has_value());
}

TEST(DocumentTest, DroppedFieldsAreGoneButKeepTheirPlace) {
  const Schema first = Schema().Int64("a").String("b").Int64("c");
  const auto bytes =
      EncodeDocument(*LayoutOf(first), std::nullopt, Object{{"a", 1}, {"b", "x"}, {"c", 3}});
  const auto layout = LayoutOf(*first.Evolve(Schema().Int64("a").Int64("c").String("d")));
  const auto document = Document::Open(layout, *bytes, 1);
  ASSERT_TRUE(document.ok()) << document.status();
  EXPECT_EQ(document->ToJson(), R"({"a":1,"c":3})");
  EXPECT_FALSE(document->Find("b").has_value());
}

TEST(DocumentTest, HandlesShareOneBuffer) {
  const auto layout = LayoutOf(Products());
  Document document = Write(layout, Lamp());
  const Document copy = document;
  EXPECT_EQ(copy.bytes().data(), document.bytes().data());
  document = Document();
  EXPECT_FALSE(document);
  EXPECT_EQ(copy.Get("sku").AsString(), "A-1");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([copy] {
      for (int j = 0; j < 2000; ++j) {
        const Document mine = copy;
        EXPECT_EQ(mine.Get("price").AsDouble(), 39.5);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(EncodeDocumentTest, ErrorsNameThePathTheTypesAndTheValue) {
  const auto layout = LayoutOf(Products());
  const auto error = [&](const char* name, const Value& value) {
    Object object = Lamp();
    object.Set(name, value);
    const auto bytes = EncodeDocument(*layout, std::nullopt, object);
    return std::string(bytes.status().message());
  };
  EXPECT_EQ(error("price", "abc"), "field \"price\": expected double, got string \"abc\"");
  EXPECT_EQ(error("sku", nullptr),
            "field \"sku\": expected string, got null, and the field is not nullable");
  EXPECT_EQ(error("tags", Array{"a", 3}), "field \"tags[1]\": expected string, got int64 3");
  EXPECT_EQ(error("tags", "a"), "field \"tags\": expected array of string, got string \"a\"");
  EXPECT_EQ(error("parts", Array{Object{}}),
            "field \"parts[0].name\" (string) is required but missing");
  EXPECT_EQ(error("parts", Array{5}), "field \"parts[0]\": expected object, got int64 5");
  EXPECT_EQ(error("maker", Object{{"nme", 1}}),
            "field \"maker.nme\" is not declared, and the schema is not open: int64 1");
  EXPECT_EQ(error("price", -1), "field \"price\": -1 is less than the minimum, 0");
  EXPECT_EQ(error("count", 1.5), "field \"count\": expected int64, got double 1.5");
  EXPECT_EQ(error("price", (std::int64_t{1} << 53) + 1),
            "field \"price\": expected double, got int64 9007199254740993");
  EXPECT_EQ(error("price", std::numeric_limits<double>::quiet_NaN()),
            "field \"price\": NaN, which the field does not allow (kAllowNaN)");
  EXPECT_EQ(
      error("sku", "a\xff"),
      "field \"sku\": the string \"a\\xff\" is not valid UTF-8 at byte 1; what is not text goes "
      "into a field of type bytes");
  EXPECT_EQ(error("free", Object{{"a", 1}, {"a", 2}}), "field \"free.a\" is given twice");
  EXPECT_EQ(error("extra", Object{{"a", Array{Object{{"b", "\xff"}}}}}).substr(0, 22),
            "field \"extra.a[0].b\": ");
  EXPECT_EQ(std::string(EncodeDocument(*layout, std::nullopt, Object{}).status().message()),
            "field \"sku\" (string) is required but missing");
  EXPECT_EQ(std::string(EncodeDocument(*layout, std::nullopt, Object{{"sku", "a"}, {"sku", "b"}})
                            .status()
                            .message()),
            "field \"sku\" is given twice");
}

TEST(EncodeDocumentTest, NumbersConvertWhereThatIsExact) {
  const auto layout = LayoutOf(Schema().Int64("i").Double("d").Array("is", Type::kInt64));
  const Document document = Write(layout, {{"i", 3.0}, {"d", 4}, {"is", Array{1.0, -0.0}}});
  EXPECT_EQ(document.Get("i").AsInt64(), 3);
  EXPECT_EQ(document.Get("d").AsDouble(), 4.0);
  EXPECT_EQ(document.Get("is").AsArray()[1].AsInt64(), 0);
  for (const double bad : {9223372036854775808.0, -9223372036854777856.0, 0.5}) {
    EXPECT_FALSE(EncodeDocument(*layout, std::nullopt, Object{{"i", bad}}).ok());
  }
}

TEST(EncodeDocumentTest, NaNIsKeptWhereItIsAllowed) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto layout = LayoutOf(Schema()
                                   .Double("d", kAllowNaN)
                                   .Array("a", Type::kDouble, kAllowNaN)
                                   .Any("x", kAllowNaN)
                                   .Open());
  const Document document = Write(layout, {{"d", nan}, {"a", Array{nan}}, {"x", Array{-nan}}});
  EXPECT_TRUE(Equal(document.Get("d"), nan));
  EXPECT_TRUE(Equal(document.Get("a").AsArray()[0], nan));
  EXPECT_TRUE(Equal(document.Get("x").AsArray()[0], nan));
  EXPECT_FALSE(EncodeDocument(*layout, std::nullopt, Object{{"u", nan}}).ok());
}

TEST(EncodeDocumentTest, EveryLimitIsKeptAndNamed) {
  const auto layout = LayoutOf(Schema().Open());
  const auto refused = [&](const Object& object, const DocumentLimits& limits,
                           std::string_view name) {
    const auto bytes = EncodeDocument(*layout, std::nullopt, object, limits);
    EXPECT_EQ(bytes.status().code(), StatusCode::kResourceExhausted) << bytes.status();
    EXPECT_NE(bytes.status().message().find(absl::string_view(name.data(), name.size())),
              absl::string_view::npos)
        << bytes.status();
  };
  const auto accepted = [&](const Object& object, const DocumentLimits& limits) {
    const auto bytes = EncodeDocument(*layout, std::nullopt, object, limits);
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    if (bytes.ok()) {
      EXPECT_TRUE(ValidateDocument(*bytes, *layout).ok());
    }
  };
  const auto nested = [](int depth) {
    Value value = 1;
    for (int i = 0; i < depth; ++i)
      value = i % 2 == 0 ? Value(Array{value}) : Value({{"a", value}});
    return Object{{"v", value}};
  };
  accepted(nested(99), {});
  refused(nested(100), {}, "depth_max");
  accepted(nested(31), DocumentLimits::Strict());
  refused(nested(32), DocumentLimits::Strict(), "depth_max");
  accepted({{"a", 1}, {"b", {{"c", 2}}}}, {.fields_max = 3});
  refused({{"a", 1}, {"b", {{"c", 2}, {"d", 2}}}}, {.fields_max = 3}, "fields_max");
  accepted({{"a", Array{1, 2}}}, {.array_items_max = 2});
  refused({{"a", Array{1, 2, 3}}}, {.array_items_max = 2}, "array_items_max");
  accepted({{std::string(255, 'n'), 1}}, {});
  refused({{std::string(256, 'n'), 1}}, {}, "name_bytes_max");
  refused({{"a", {{std::string(256, 'n'), 1}}}}, {}, "name_bytes_max");
  const std::size_t size =
      EncodeDocument(*layout, std::nullopt, Object{{"a", std::string(1000, 'x')}})->size();
  accepted({{"a", std::string(1000, 'x')}},
           {.document_bytes_max = static_cast<std::uint32_t>(size)});
  refused({{"a", std::string(1000, 'x')}},
          {.document_bytes_max = static_cast<std::uint32_t>(size - 1)}, "document_bytes_max");
}

TEST(EncodeDocumentTest, EmptyItemsAreBoundedTooThoughTheyTakeNoRoom) {
  const auto layout =
      LayoutOf(Schema().Array("a", Schema().Int64("x")).Array("b", Schema().Int64("x")));
  const Array many(std::vector<Value>(600'000, Value(Object())));
  EXPECT_EQ(Write(layout, {{"a", many}}).Get("a").AsArray().size(), 600'000u);
  EXPECT_EQ(EncodeDocument(*layout, std::nullopt, Object{{"a", many}, {"b", many}}).status().code(),
            StatusCode::kResourceExhausted);
}

TEST(EncodeValueTest, ValuesOfAnyTypeReadBack) {
  RandomValues random(TestSeed(2));
  for (int i = 0; i < 3000; ++i) {
    const Value value = WithoutNaN(random.Next(4));
    const auto bytes = EncodeValue(value);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    const auto read = OpenValue(*bytes);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(Value(*read), value);
    EXPECT_EQ(read->type(), value.type());
  }
}

// No change of a stored document may make reading it unsafe (run this under ASan), and nearly none
// passes for a document; what does pass is canonical.
TEST(ValidateDocumentTest, EveryFlippedBitIsFoundOrHarmless) {
  const auto layout = LayoutOf(Products());
  std::string bytes = *EncodeDocument(*layout, DocumentId("lamp"), Lamp());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
    if (const auto document = Document::Open(layout, bytes, 1); document.ok()) {
      EXPECT_GT(document->ToJson().size(), 0u);
    } else {
      EXPECT_EQ(document.status().code(), StatusCode::kDataLoss);
    }
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
  }
}

TEST(ValidateDocumentTest, CutLongerAndForeignBytesAreRefused) {
  const auto layout = LayoutOf(Products());
  const std::string bytes = *EncodeDocument(*layout, DocumentId("lamp"), Lamp());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(ValidateDocument(std::string_view(bytes).substr(0, size), *layout).ok()) << size;
  }
  EXPECT_FALSE(ValidateDocument(bytes + std::string(8, '\0'), *layout).ok());
  EXPECT_FALSE(ValidateDocument(bytes, *LayoutOf(Schema().Int64("a"))).ok());
}

TEST(ValidateDocumentTest, RandomDamageIsNeverUnsafe) {
  RandomValues random(TestSeed(3));
  for (int i = 0; i < 1500; ++i) {
    const Schema schema = RandomSchema(&random, 6);
    const auto layout = LayoutOf(schema);
    std::string bytes = *EncodeDocument(*layout, std::nullopt, RandomObject(&random, schema));
    for (int j = 0; j < 20; ++j) {
      std::string damaged = bytes;
      for (std::uint64_t n = 1 + random.Below(3); n > 0; --n) {
        damaged[random.Below(damaged.size())] = static_cast<char>(random.Below(256));
      }
      const auto document = Document::Open(layout, damaged, 1);
      if (document.ok()) document->ToObject();
    }
  }
}

}  // namespace
}  // namespace aurora
