#include "aurora/engine/document/capnp_schema.h"

#include <cstdio>
#include <deque>
#include <utility>

#include "aurora/engine/document/capnp_model.h"
#include "aurora/engine/document/value.capnp.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"
#include "capnp/message.h"
#include "capnp/schema.capnp.h"
#include "kj/exception.h"

namespace aurora {
namespace internal {
namespace {

constexpr std::string_view kValueText = R"(
annotation name @0xd3c2b8a14f0e6c95 (field) :Text;
# The name of the field in the collection, where Cap'n Proto cannot have it.

struct Value @0xcb4628ce1edef039 {
  # A value of any type.
  name @0 :Text;
  union {
    null @1 :Void;
    bool @2 :Bool;
    int64 @3 :Int64;
    double @4 :Float64;
    string @5 :Text;
    bytes @6 :Data;
    uuid @7 :Data;
    timestamp @8 :Int64;
    array @9 :List(Value);
    object @10 :List(Value);
  }
}

struct Uuid @0x8e1f3a6f0c9b2d47 {
  high @0 :UInt64;
  low @1 :UInt64;
}
)";

std::string Hex(std::uint64_t id) {
  char text[32];
  std::snprintf(text, sizeof(text), "@0x%016llx", static_cast<unsigned long long>(id));
  return text;
}

// A string literal of the schema language.
std::string Literal(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<std::uint8_t>(c) < 0x20 || c == 0x7F) {
      char escaped[8];
      std::snprintf(escaped, sizeof(escaped), "\\x%02x", static_cast<std::uint8_t>(c));
      out.append(escaped);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

std::string TypeText(const CapnpType& type) {
  static constexpr std::string_view kNames[] = {"Bool",    "UInt8", "Int64", "UInt64",
                                                "Float64", "Text",  "Data"};
  const std::string name = type.kind == CapnpKind::kStruct
                               ? type.struct_name
                               : std::string(kNames[static_cast<std::size_t>(type.kind)]);
  return type.list ? StrCat("List(", name, ")") : name;
}

void AppendStructText(const CapnpStruct& node, const std::string& indent, std::string* out) {
  StrAppend(out, indent, "struct ", node.name, " ", Hex(node.id), " {\n");
  for (const CapnpField& field : node.fields) {
    const std::string annotation =
        field.original_name.empty() ? "" : StrCat(" $name(", Literal(field.original_name), ")");
    StrAppend(out, indent, "  ", field.name);
    if (field.uuid_group) {
      StrAppend(out, " :group", annotation, " {\n", indent, "    high @", field.ordinal,
                " :UInt64;\n", indent, "    low @", field.ordinal + 1, " :UInt64;\n", indent,
                "  }\n");
    } else {
      StrAppend(out, " @", field.ordinal, " :", TypeText(field.type), annotation, ";\n");
    }
    if (!field.comment.empty()) StrAppend(out, indent, "  # ", field.comment, "\n");
  }
  for (const CapnpStruct& nested : node.nested) {
    out->push_back('\n');
    AppendStructText(nested, indent + "  ", out);
  }
  StrAppend(out, indent, "}\n");
}

void SetKind(const CapnpType& type, capnp::schema::Type::Builder out) {
  switch (type.kind) {
    case CapnpKind::kBool:
      return out.setBool();
    case CapnpKind::kUInt8:
      return out.setUint8();
    case CapnpKind::kInt64:
      return out.setInt64();
    case CapnpKind::kUInt64:
      return out.setUint64();
    case CapnpKind::kFloat64:
      return out.setFloat64();
    case CapnpKind::kText:
      return out.setText();
    case CapnpKind::kData:
      return out.setData();
    case CapnpKind::kStruct:
      return out.initStruct().setTypeId(type.struct_id);
  }
  AURORA_CHECK(false);
}

// Every default is zero, but has to be said in the field's type.
void SetZero(const CapnpType& type, capnp::schema::Value::Builder out) {
  if (type.list) {
    out.initList();
    return;
  }
  switch (type.kind) {
    case CapnpKind::kBool:
      return out.setBool(false);
    case CapnpKind::kUInt8:
      return out.setUint8(0);
    case CapnpKind::kInt64:
      return out.setInt64(0);
    case CapnpKind::kUInt64:
      return out.setUint64(0);
    case CapnpKind::kFloat64:
      return out.setFloat64(0);
    case CapnpKind::kText:
      return out.setText("");
    case CapnpKind::kData:
      return out.setData(capnp::Data::Reader());
    case CapnpKind::kStruct:
      out.initStruct();
      return;
  }
  AURORA_CHECK(false);
}

void SetSlot(const CapnpType& type, std::uint32_t offset, capnp::schema::Field::Builder out) {
  auto slot = out.initSlot();
  slot.setOffset(offset);
  SetKind(type, type.list ? slot.initType().initList().initElementType() : slot.initType());
  SetZero(type, slot.initDefaultValue());
}

void SetNode(std::string_view name, std::uint64_t id, std::uint64_t scope, const CapnpStruct& sizes,
             capnp::schema::Node::Builder out) {
  out.setId(id);
  out.setDisplayName(std::string(name));
  out.setScopeId(scope);
  auto node = out.initStruct();
  node.setDataWordCount(static_cast<std::uint16_t>(sizes.data_words));
  node.setPointerCount(static_cast<std::uint16_t>(sizes.pointers));
  node.setPreferredListEncoding(capnp::schema::ElementSize::INLINE_COMPOSITE);
}

std::uint64_t GroupId(const CapnpStruct& node, const CapnpField& field) {
  return CapnpId(StrCat("group ", node.id, " ", field.ordinal));
}

// The nodes of a struct, of its groups and of what is nested in it. The loader copies them.
void LoadStruct(const CapnpStruct& node, std::uint64_t scope, std::string_view display_name,
                capnp::SchemaLoader* loader) {
  for (const CapnpStruct& nested : node.nested) {
    LoadStruct(nested, node.id, StrCat(display_name, ".", nested.name), loader);
  }
  capnp::MallocMessageBuilder message;
  auto out = message.initRoot<capnp::schema::Node>();
  SetNode(display_name, node.id, scope, node, out);
  auto fields = out.getStruct().initFields(static_cast<unsigned>(node.fields.size()));
  std::vector<const CapnpField*> groups;
  for (unsigned i = 0; i < fields.size(); ++i) {
    const CapnpField& field = node.fields[i];
    fields[i].setName(field.name);
    fields[i].setCodeOrder(static_cast<std::uint16_t>(i));
    if (field.uuid_group) {
      fields[i].initGroup().setTypeId(GroupId(node, field));
      fields[i].getOrdinal().setImplicit();
      groups.push_back(&field);
    } else {
      SetSlot(field.type, field.offset, fields[i]);
      fields[i].getOrdinal().setExplicit(static_cast<std::uint16_t>(field.ordinal));
    }
  }
  loader->load(out.asReader());
  for (const CapnpField* field : groups) {
    capnp::MallocMessageBuilder group_message;
    auto group = group_message.initRoot<capnp::schema::Node>();
    SetNode(StrCat(display_name, ".", field->name), GroupId(node, *field), node.id, node, group);
    group.getStruct().setIsGroup(true);
    auto halves = group.getStruct().initFields(2);
    for (unsigned i = 0; i < 2; ++i) {
      halves[i].setName(i == 0 ? "high" : "low");
      halves[i].setCodeOrder(static_cast<std::uint16_t>(i));
      SetSlot(field->type, field->offset + i, halves[i]);
      halves[i].getOrdinal().setExplicit(static_cast<std::uint16_t>(field->ordinal + i));
    }
    loader->load(group.asReader());
  }
}

}  // namespace
}  // namespace internal

std::string CapnpTypeName(std::string_view collection) {
  std::string name = internal::CapnpName(collection, /*upper=*/true);
  if (name == "Value" || name == "Uuid") name += "Document";
  return name;
}

std::string CapnpSchemaText(const Layout& layout, std::string_view collection) {
  const internal::CapnpStruct root = internal::MakeCapnpStruct(layout, collection);
  std::string text = StrCat(
      internal::Hex(internal::CapnpId(StrCat("aurora file ", collection))),
      ";\n# The documents of the collection ", Quoted(collection), ", version ", layout.version(),
      " of its schema, as Aurora stores them.\n",
      "#\n# A field is there if its ...Set is true, null if its ...Null is true, else missing.\n");
  text.append(internal::kValueText);
  text.push_back('\n');
  internal::AppendStructText(root, "", &text);
  return text;
}

absl::StatusOr<capnp::StructSchema> LoadCapnpSchema(const Layout& layout,
                                                    std::string_view collection,
                                                    capnp::SchemaLoader* loader) {
  const internal::CapnpStruct root = internal::MakeCapnpStruct(layout, collection);
  capnp::StructSchema schema;
  const auto exception = kj::runCatchingExceptions([&] {
    loader->loadCompiledTypeAndDependencies<wire::Value>();
    loader->loadCompiledTypeAndDependencies<wire::Uuid>();
    internal::LoadStruct(root, 0, root.name, loader);
    schema = loader->get(root.id).asStruct();
  });
  KJ_IF_MAYBE (failure, exception) {
    return InternalError("Cap'n Proto refuses the schema of collection ", Quoted(collection), ": ",
                         failure->getDescription().cStr());
  }
  return schema;
}

}  // namespace aurora
