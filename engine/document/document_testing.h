// Random schemas, and documents that fit them, for tests.
#pragma once

#include <string>

#include "aurora/engine/document/schema.h"
#include "aurora/engine/document/value.h"
#include "aurora/engine/document/value_testing.h"

namespace aurora {

// Up to `fields_max` fields f0, f1, ... of all types, some nullable, some with defaults, with
// objects and arrays of objects up to `depth` deep; open now and then.
Schema RandomSchema(RandomValues* random, int fields_max = 12, int depth = 3);

// An object with some of the fields of `schema` in random order, sometimes null where that is
// allowed, and some undeclared ones if it is open. NaN never.
Object RandomObject(RandomValues* random, const Schema& schema);

// What a document that was written from `object` reads as: with the defaults of missing fields.
Object WithDefaults(const Schema& schema, const Object& object);

// Without NaN, within arrays and objects too.
Value WithoutNaN(const Value& value);

}  // namespace aurora
