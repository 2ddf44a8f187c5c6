#include "aurora/engine/document/capnp_schema.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "aurora/engine/document/capnp_model.h"
#include "aurora/engine/document/document.h"
#include "aurora/engine/document/document_encoder.h"
#include "aurora/engine/document/document_testing.h"
#include "aurora/engine/document/value.capnp.h"
#include "aurora/runtime/strings.h"
#include "capnp/dynamic.h"
#include "capnp/message.h"
#include "capnp/schema-loader.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

std::shared_ptr<const Layout> LayoutOf(const Schema& schema) {
  auto layout = Layout::Create(schema);
  EXPECT_TRUE(layout.ok()) << layout.status();
  return *layout;
}

Schema Products() {
  return Schema()
      .String("sku", kRequired)
      .Double("price", kNullable)
      .Bool("in_stock")
      .Int64("count")
      .Array("tags", Type::kString)
      .Array("flags", Type::kBool)
      .Array("parts", Schema().String("name").Uuid("u").Int64("n"))
      .Object("maker", Schema().String("name").Object("struct", Schema().Int64("x")))
      .Uuid("key")
      .Timestamp("made")
      .Any("extra")
      .Object("free")
      .Array("keys", Type::kUuid)
      .Bytes("größe \"x\"")
      .Bool("9 lives")
      .Open();
}

Object Lamp() {
  return {{"sku", "A-1"},
          {"price", nullptr},
          {"in_stock", true},
          {"count", -3},
          {"tags", Array{"brass", ""}},
          {"flags", Array{true, false, true}},
          {"parts", Array{Object{{"name", "foot"}}, Object{{"n", 2}}}},
          {"maker", {{"name", "Lumen"}, {"struct", {{"x", 7}}}}},
          {"key", Uuid::FromHalves(1, 2)},
          {"made", Timestamp{5}},
          {"extra", Array{1, "x", nullptr, 2.5}},
          {"free", {{"a", {{"b", Array{true}}}}}},
          {"keys", Array{Uuid::FromHalves(3, 4)}},
          {"größe \"x\"", Bytes{std::string("\0\xff", 2)}},
          {"undeclared one", 5}};
}

// The document as a message of the Cap'n Proto library.
class Message {
 public:
  explicit Message(std::string_view bytes)
      : words_(bytes.size() / sizeof(capnp::word)), reader_(Segments(bytes), Options()) {}

  capnp::DynamicStruct::Reader Root(capnp::StructSchema schema) {
    return reader_.getRoot<capnp::DynamicStruct>(schema);
  }
  bool IsCanonical() { return reader_.isCanonical(); }

 private:
  kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> Segments(std::string_view bytes) {
    std::memcpy(words_.data(), bytes.data(), bytes.size());
    segment_ = kj::arrayPtr(reinterpret_cast<const capnp::word*>(words_.data()), words_.size());
    return kj::arrayPtr(&segment_, 1);
  }
  static capnp::ReaderOptions Options() {
    capnp::ReaderOptions options;
    options.nestingLimit = 1000;
    return options;
  }

  std::vector<std::uint64_t> words_;
  kj::ArrayPtr<const capnp::word> segment_;
  capnp::SegmentArrayMessageReader reader_;
};

TEST(CapnpSchemaTest, TheFixedStructsAreWhereTheEncoderPutsThem) {
  const auto value = capnp::Schema::from<wire::Value>().getProto();
  EXPECT_EQ(value.getId(), internal::kCapnpValueId);
  EXPECT_EQ(capnp::Schema::from<wire::Uuid>().getProto().getId(), internal::kCapnpUuidId);
  EXPECT_EQ(value.getStruct().getDataWordCount(), internal::kValueDataWords);
  EXPECT_EQ(value.getStruct().getPointerCount(), internal::kValuePointers);
  EXPECT_EQ(value.getStruct().getDiscriminantOffset(), 0u);
  for (const auto field : value.getStruct().getFields()) {
    const std::string name = field.getName().cStr();
    const std::uint32_t offset = field.getSlot().getOffset();
    if (name == "name") {
      EXPECT_EQ(offset, internal::kValueNamePointer);
      continue;
    }
    const auto type = static_cast<Type>(field.getDiscriminantValue());
    EXPECT_EQ(TypeName(type), name);
    if (type == Type::kBool) {
      EXPECT_EQ(offset, internal::kValueBoolBit);
    } else if (field.getSlot().getType().isInt64() || field.getSlot().getType().isFloat64()) {
      EXPECT_EQ(offset * 8, internal::kValueNumberOffset);
    } else if (type != Type::kNull) {
      EXPECT_EQ(offset, internal::kValueContentPointer);
    }
  }
}

TEST(CapnpSchemaTest, TheLibraryReadsWhatWeWrite) {
  const auto layout = LayoutOf(Products());
  const std::string bytes = *EncodeDocument(*layout, DocumentId("lamp"), Lamp());
  capnp::SchemaLoader loader;
  const auto schema = LoadCapnpSchema(*layout, "products", &loader);
  ASSERT_TRUE(schema.ok()) << schema.status();
  Message message(bytes);
  EXPECT_TRUE(message.IsCanonical());
  const auto root = message.Root(*schema);
  EXPECT_TRUE(root.get("idText").as<capnp::Text>() == "lamp");
  EXPECT_EQ(root.get("idKind").as<int>(), 3);
  EXPECT_TRUE(root.get("sku").as<capnp::Text>() == "A-1");
  EXPECT_TRUE(root.get("skuSet").as<bool>());
  EXPECT_FALSE(root.get("priceSet").as<bool>());
  EXPECT_TRUE(root.get("priceNull").as<bool>());
  EXPECT_TRUE(root.get("inStock").as<bool>());
  EXPECT_EQ(root.get("count").as<std::int64_t>(), -3);
  EXPECT_EQ(root.get("tags").as<capnp::DynamicList>().size(), 2u);
  EXPECT_TRUE(root.get("flags").as<capnp::DynamicList>()[2].as<bool>());
  const auto parts = root.get("parts").as<capnp::DynamicList>();
  EXPECT_TRUE(parts[0].as<capnp::DynamicStruct>().get("name").as<capnp::Text>() == "foot");
  EXPECT_EQ(parts[1].as<capnp::DynamicStruct>().get("n").as<std::int64_t>(), 2);
  const auto maker = root.get("maker").as<capnp::DynamicStruct>();
  EXPECT_EQ(maker.get("structField").as<capnp::DynamicStruct>().get("x").as<std::int64_t>(), 7);
  EXPECT_EQ(root.get("key").as<capnp::DynamicStruct>().get("low").as<std::uint64_t>(), 2u);
  const auto extra = root.get("extra").as<wire::Value>();
  EXPECT_EQ(extra.getArray()[3].getDouble(), 2.5);
  const auto undeclared = root.get("undeclared").as<capnp::List<wire::Value>>();
  EXPECT_TRUE(undeclared[0].getName() == "undeclared one");
  EXPECT_EQ(root.get("keys").as<capnp::List<wire::Uuid>>()[0].getHigh(), 3u);
}

TEST(CapnpSchemaTest, WhatWeWriteIsCanonicalForTheLibrary) {
  RandomValues random(TestSeed(1));
  for (int i = 0; i < 300; ++i) {
    const Schema schema = RandomSchema(&random);
    const auto layout = LayoutOf(schema);
    const std::string bytes =
        *EncodeDocument(*layout, random.NextUuid(), RandomObject(&random, schema));
    capnp::SchemaLoader loader;
    const auto loaded = LoadCapnpSchema(*layout, "c", &loader);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    Message message(bytes);
    EXPECT_TRUE(message.IsCanonical());
    // And the other way round: what the library copies to its canonical form are our bytes.
    const auto words = message.Root(*loaded).as<capnp::AnyStruct>().canonicalize();
    const auto copied = words.asBytes();
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(copied.begin()), copied.size()), bytes);
  }
}

TEST(CapnpSchemaTest, WeReadWhatTheLibraryWrites) {
  const auto layout = LayoutOf(Products());
  capnp::SchemaLoader loader;
  const auto schema = LoadCapnpSchema(*layout, "products", &loader);
  ASSERT_TRUE(schema.ok());
  capnp::MallocMessageBuilder message;
  auto root = message.initRoot<capnp::DynamicStruct>(*schema);
  root.set("tagsSet", true);
  auto tags = root.init("tags", 2).as<capnp::DynamicList>();
  tags.set(0, "a");
  tags.set(1, "bc");
  root.set("priceSet", true);
  root.set("price", 1.25);
  root.set("makerSet", true);
  auto maker = root.init("maker").as<capnp::DynamicStruct>();
  maker.set("nameSet", true);
  maker.set("name", "Lumen");
  root.set("keySet", true);
  root.init("key").as<capnp::DynamicStruct>().set("high", 9);
  root.set("idKind", 2);
  root.set("idLow", 77);
  auto undeclared = root.init("undeclared", 1).as<capnp::List<wire::Value>>();
  undeclared[0].setName("u");
  undeclared[0].setString("v");
  const auto words = root.asReader().as<capnp::AnyStruct>().canonicalize();
  const auto bytes = words.asBytes();
  const auto document = Document::Open(
      layout, std::string_view(reinterpret_cast<const char*>(bytes.begin()), bytes.size()), 1);
  ASSERT_TRUE(document.ok()) << document.status();
  EXPECT_EQ(document->ToJson(),
            R"({"_id":77,"price":1.25,"tags":["a","bc"],"maker":{"name":"Lumen"},)"
            R"("key":{"$uuid":"00000000-0000-0009-0000-000000000000"},"u":"v"})");
}

TEST(CapnpSchemaTest, ANewerLayoutUpgradesTheSchemaInPlace) {
  const Schema first = Schema().Int64("a").String("b").Object("o", Schema().Int64("x"));
  const Schema without_b = *first.Evolve(Schema().Int64("a").Object("o", Schema().Int64("x")));
  const Schema second = *without_b.Evolve(
      Schema().Int64("a").Object("o", Schema().Int64("x").String("y")).Double("b").Open());
  capnp::SchemaLoader loader;
  ASSERT_TRUE(LoadCapnpSchema(*LayoutOf(first), "c", &loader).ok());
  const auto upgraded = LoadCapnpSchema(*LayoutOf(second), "c", &loader);
  ASSERT_TRUE(upgraded.ok()) << upgraded.status();
  EXPECT_TRUE(upgraded->findFieldByName("bX2") != nullptr);
}

TEST(CapnpNameTest, NamesAreMadeFitForCapnp) {
  EXPECT_EQ(internal::CapnpName("in_stock", false), "inStock");
  EXPECT_EQ(internal::CapnpName("SKU", false), "sKU");
  EXPECT_EQ(internal::CapnpName("9 lives", false), "f9Lives");
  EXPECT_EQ(internal::CapnpName("größe", false), "grE");
  EXPECT_EQ(internal::CapnpName("日本", false), "field");
  EXPECT_EQ(internal::CapnpName("struct", false), "structField");
  EXPECT_EQ(CapnpTypeName("order_items"), "OrderItems");
  EXPECT_EQ(CapnpTypeName("uuid"), "UuidDocument");
}

// The stock tool, on files in the test's own directory.
class CapnpToolTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) { return testing::TempDir() + "/" + name; }

  void WriteFile(const std::string& name, std::string_view content) {
    std::ofstream(Path(name), std::ios::binary) << content;
  }

  std::string ReadFile(const std::string& name) {
    std::ostringstream content;
    content << std::ifstream(Path(name), std::ios::binary).rdbuf();
    return content.str();
  }

  int Run(const std::string& command) {
    return std::system(("/usr/bin/capnp " + command + " 2>" + Path("errors")).c_str());
  }
};

TEST_F(CapnpToolTest, DecodesADocumentByTheTextOfItsSchema) {
  const auto layout = LayoutOf(Products());
  WriteFile("products.capnp", CapnpSchemaText(*layout, "products"));
  WriteFile("document", *EncodeDocument(*layout, DocumentId(42), Lamp()));
  ASSERT_EQ(Run("decode --flat " + Path("products.capnp") + " Products <" + Path("document") +
                " >" + Path("text")),
            0)
      << ReadFile("errors") << CapnpSchemaText(*layout, "products");
  const std::string text = ReadFile("text");
  for (const char* part : {"idLow = 42", "sku = \"A-1\"", "priceNull = true", "inStock = true",
                           "count = -3", "x = 7", "key = (high = 1, low = 2)", "made = 5"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
  }
}

// Names and places as the tool writes them: "f0Set @6 :Bool;  # bits[136, 137)".
void AppendPlaces(const internal::CapnpStruct& node, std::vector<std::string>* places) {
  const auto place = [&](const std::string& name, std::uint32_t ordinal, std::string_view type,
                         std::uint32_t bits, std::uint32_t offset) {
    places->push_back(StrCat(name, " @", ordinal, " :", type, ";  # ",
                             bits == 0
                                 ? StrCat("ptr[", offset, "]")
                                 : StrCat("bits[", bits * offset, ", ", bits * (offset + 1), ")")));
  };
  for (const internal::CapnpField& field : node.fields) {
    if (field.uuid_group) {
      place("high", field.ordinal, "UInt64", 64, field.offset);
      place("low", field.ordinal + 1, "UInt64", 64, field.offset + 1);
    } else if (!field.type.list && field.type.kind == internal::CapnpKind::kBool) {
      place(field.name, field.ordinal, "Bool", 1, field.offset);
    } else if (!field.type.list && field.type.kind == internal::CapnpKind::kInt64) {
      place(field.name, field.ordinal, "Int64", 64, field.offset);
    } else if (!field.type.list && field.type.kind == internal::CapnpKind::kFloat64) {
      place(field.name, field.ordinal, "Float64", 64, field.offset);
    } else if (!field.type.list && field.type.kind == internal::CapnpKind::kText) {
      place(field.name, field.ordinal, "Text", 0, field.offset);
    }
  }
  for (const internal::CapnpStruct& nested : node.nested) AppendPlaces(nested, places);
}

TEST_F(CapnpToolTest, GivesFieldsTheSamePlacesAsWeDo) {
  RandomValues random(TestSeed(2));
  for (int i = 0; i < 15; ++i) {
    const Schema schema = RandomSchema(&random, 25);
    const auto layout = LayoutOf(schema);
    WriteFile("schema.capnp", CapnpSchemaText(*layout, "c"));
    ASSERT_EQ(Run("compile -ocapnp " + Path("schema.capnp") + " >" + Path("places")), 0)
        << ReadFile("errors") << CapnpSchemaText(*layout, "c");
    std::string rest = ReadFile("places");
    const internal::CapnpStruct root = internal::MakeCapnpStruct(*layout, "c");
    EXPECT_NE(rest.find(StrCat("{  # ", root.data_words * 8, " bytes, ", root.pointers, " ptrs")),
              std::string::npos);
    std::vector<std::string> expected;
    AppendPlaces(root, &expected);
    for (const std::string& place : expected) {
      const std::size_t found = rest.find(place);
      ASSERT_NE(found, std::string::npos) << place << " in " << rest;
      rest.erase(found, place.size());
    }
  }
}

TEST_F(CapnpToolTest, WhatItEncodesWeRead) {
  const auto layout = LayoutOf(Products());
  WriteFile("products.capnp", CapnpSchemaText(*layout, "products") +
                                  "const lamp :Products = (idKind = 2, idLow = 5, skuSet = true, "
                                  "sku = \"B\", makerSet = true, maker = ());\n");
  ASSERT_EQ(Run("eval " + Path("products.capnp") + " lamp >" + Path("text")), 0)
      << ReadFile("errors");
  ASSERT_EQ(Run("convert text:canonical " + Path("products.capnp") + " Products <" + Path("text") +
                " >" + Path("document")),
            0)
      << ReadFile("errors");
  const auto document = Document::Open(layout, ReadFile("document"), 1);
  ASSERT_TRUE(document.ok()) << document.status();
  EXPECT_EQ(document->ToJson(), R"({"_id":5,"sku":"B","maker":{}})");
}

}  // namespace
}  // namespace aurora
