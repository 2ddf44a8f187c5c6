// A picture of the tree of tables: a line for each level, on which each table is a bar over the
// keys that it spans. The width of a key range is its share of the data, so that the last level is
// filled evenly and an overlap shows how much a compaction would have to merge.
//
//   level 0  [------------------------------------------------]
//               [-----------------------------------------]
//   level 1  [--------------][------------]           [-------]
//   level 2  [-][--][-][-][--][-][--][-][-][--][-][-][--][-][-]
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "aurora/tools/terminal.h"

namespace aurora::tools {

// A part of a table's data: what lies up to and with a key.
struct KeyWeight {
  std::string last_key;
  std::uint64_t bytes = 0;
};

// Where keys are among all data, from 0 to 1. A key is within the first weight that does not end
// before it.
class KeyRuler {
 public:
  // In any order.
  explicit KeyRuler(std::vector<KeyWeight> weights);
  // Where what holds the key begins, and where it ends.
  double BeginOf(const std::string& key) const;
  double EndOf(const std::string& key) const;

 private:
  std::size_t Find(const std::string& key) const;
  double Share(std::size_t count) const;  // of the first so many

  std::vector<KeyWeight> weights_;  // by key; `bytes` are those up to it
};

struct PicturedTable {
  int level = 0;
  std::string first_key;
  std::string last_key;
  double garbage = 0;  // the share of its entries that a compaction may drop, 0 to 1
};

// `tables` by level, and those of a level from 1 on by key. At most `columns` wide, the names
// included. Tables of level 0 have a line each, up to kLevel0Lines. Where there is colour, bars are
// the redder the more garbage they hold.
inline constexpr std::size_t kLevel0Lines = 8;
std::string PictureOf(const std::vector<PicturedTable>& tables, const KeyRuler& ruler,
                      std::size_t columns, const Terminal& terminal);

}  // namespace aurora::tools
