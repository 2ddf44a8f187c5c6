// Draws operations, conditions and queries over two collections: "things", whose schema has every
// kind of index, rule and default, and "notes", which takes any field. Values come from small
// pools, so that they meet: unique values are taken, terms have many rows, ids come back.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "aurora/engine/document/schema.h"
#include "aurora/runtime/random.h"
#include "aurora/tests/simulation/oracle_testing.h"

namespace aurora::proof {

struct CollectionModel {
  std::string name;
  Schema schema;
  CollectionRules rules;
  std::vector<std::string> indexed;  // the fields that queries by equality find without a scan
};
// Those that every database of the tests has.
const std::vector<CollectionModel>& CollectionModels();
const CollectionRules& RulesOf(const std::string& collection);

class OracleRandom {
 public:
  explicit OracleRandom(std::uint64_t seed) : random_(seed) {}

  std::uint64_t Below(std::uint64_t bound) { return random_.Below(bound); }
  bool OneIn(std::uint64_t n) { return random_.Below(n) == 0; }
  SeededRandom& random() { return random_; }

  std::string DrawCollection();
  // `dead`: ids that documents had which are deleted.
  Operation DrawWrite(const OracleState& state, std::span<const OracleValue> dead);
  // One of a few that are drawn to meet each other: about the same ids and unique values.
  Operation DrawContended(const OracleState& state, const std::string& collection,
                          const OracleValue& id, const OracleValue::Members& shared);
  OracleValue DrawId(const OracleState& state, const std::string& collection,
                     std::span<const OracleValue> dead);
  OracleQuery DrawQuery(const OracleState& state);
  // What a field may hold, as a document or a condition has it.
  OracleValue DrawValue(const std::string& field);
  OracleValue::Members DrawObject(const std::string& collection, bool whole);

 private:
  OracleValue DrawFree(int depth);
  OracleValue DrawConstant(const std::string& path, const OracleState& state,
                           const std::string& collection);
  Condition DrawLeaf(const OracleState& state, const std::string& collection);
  Condition DrawCondition(const OracleState& state, const std::string& collection, int depth);
  std::string DrawPath(const std::string& collection);
  OracleValue DrawOwnId();
  void Spoil(const std::string& collection, Operation* operation);

  SeededRandom random_;
};

}  // namespace aurora::proof
