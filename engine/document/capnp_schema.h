// The Cap'n Proto schema that the documents of a layout have (layout.h), for the stock tools and
// libraries.
//
// In the text, a field "in_stock" becomes inStock, inStockSet and inStockNull; names that Cap'n
// Proto cannot have are changed, and the annotation $name keeps them. A stored document is one flat
// single-segment message:
//
//   capnp decode --flat products.capnp Products < document
//
// Fields never change their places, so a newer schema reads older documents.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/engine/document/layout.h"
#include "capnp/schema-loader.h"
#include "capnp/schema.h"

namespace aurora {

// A .capnp file that stands alone. The struct of the documents is named after `collection`, as
// CapnpTypeName says.
std::string CapnpSchemaText(const Layout& layout, std::string_view collection);

// "order_items" is OrderItems.
std::string CapnpTypeName(std::string_view collection);

// Loads the same schema into `loader`. Ids follow from the name of the collection and of the
// fields, so a newer version of the layout upgrades what was loaded before. Internal if the library
// refuses it.
absl::StatusOr<capnp::StructSchema> LoadCapnpSchema(const Layout& layout,
                                                    std::string_view collection,
                                                    capnp::SchemaLoader* loader);

}  // namespace aurora
