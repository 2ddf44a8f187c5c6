// Finds a schema for objects that have none: for each name the types that were seen.
//
//   int64 and double            double, if every integer is exact as one
//   one type, and perhaps null  that type, nullable if null was seen
//   anything else               any type, free-form
//   arrays                      of one type by the same rules; of any if items differ or are null
//   objects                     an object with inferred fields; free-form if the names differ so
//   much
//                               that they are data (more than kObjectNamesMax of them)
//
// No field is required: a sample does not tell. A schema is left open if there are names that no
// field may have, or more fields than a schema may have. Memory: bounded by those limits, not by
// the number of objects. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aurora/engine/document/schema.h"
#include "aurora/engine/document/value.h"
#include "aurora/engine/document/value_view.h"
#include "aurora/runtime/strings.h"

namespace aurora {

class SchemaInference {
 public:
  static constexpr std::size_t kObjectNamesMax = 200;  // of objects within objects
  static constexpr std::size_t kDocumentNamesMax = 1000;
  static constexpr int kDepthMax = 8;  // deeper objects are free-form

  SchemaInference() : SchemaInference(1) {}

  SchemaInference(SchemaInference&&) = default;
  SchemaInference& operator=(SchemaInference&&) = default;

  // "_id" is left out.
  void Add(const ObjectView& object);

  std::uint64_t object_count() const { return objects_; }
  // Valid (Schema::Validate). Fields come in the order in which their names were first seen.
  Schema Infer() const;
  // The inferred fields with how often each was there and the value first seen: for people.
  std::string Table() const;

 private:
  // What was seen in one place: a member of that name, or an item of arrays there.
  struct Seen {
    std::uint64_t count[kTypeCount] = {};
    bool inexact_integer = false;  // an integer that no double is
    std::string example;
    std::unique_ptr<Seen> items;
    std::unique_ptr<SchemaInference> members;
  };
  struct Named {
    std::string name;
    Seen seen;
  };

  explicit SchemaInference(int depth) : depth_(depth) {}

  void AddTo(const ValueView& value, Seen* seen) const;
  static DeclaredType TypeOf(const Seen& seen, bool null_is_a_type);
  bool IsFreeForm() const;
  FieldSchema InferField(const std::string& name, const Seen& seen) const;
  void AppendRows(const std::string& indent, std::vector<std::vector<std::string>>* rows) const;

  int depth_;
  std::uint64_t objects_ = 0;
  std::vector<Named> names_;
  StringMap<std::size_t> positions_;
  // Names that no field may have, or one too many.
  bool has_other_names_ = false;
  bool too_many_names_ = false;
};

}  // namespace aurora
