// Where the tables of a flush or a compaction go, and where one ends and the next begins.
#pragma once

#include <string>
#include <vector>

#include "aurora/lsm/block_sources.h"

namespace aurora::lsm {

struct TableOutput {
  int level = 0;
  bool is_last_level = false;
  const BlockSources* sources = nullptr;  // of a compaction: of what it reads
  // Stored keys at which tables of level 0 are to begin; ascending.
  std::vector<std::string> cuts = {};
  // Stored keys at which tables of other levels are best to begin, where that makes none small:
  // where those of the level below do, so that few of these overlap two. Ascending.
  std::vector<std::string> good_cuts = {};
};

}  // namespace aurora::lsm
