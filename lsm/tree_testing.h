// Trees of tables that are only described, for tests of what looks at descriptions alone.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "aurora/lsm/event.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/tree.h"

namespace aurora::lsm {

// Makes trees, and outlives them.
class TreeSketch {
 public:
  // Describes a table of [smallest, largest]. Numbers ascend from call to call, so of two tables of
  // level 0 the one that was added later is the newer.
  std::uint64_t Add(int level, std::string_view smallest, std::string_view largest,
                    std::uint64_t bytes = 100) {
    TableInfo info;
    info.number = ++last_number_;
    info.level = level;
    info.size_bytes = bytes;
    info.entry_count = 1;
    info.smallest_key = smallest;
    info.largest_key = largest;
    return Add(std::move(info));
  }
  std::uint64_t Add(TableInfo info) {
    const std::uint64_t number = info.number;
    const int level = info.level;
    tree_ = tree_->With(
        {}, {{level, std::make_shared<TreeTable>(std::move(info), nullptr, &obsolete_)}});
    return number;
  }
  void Remove(std::uint64_t number) { tree_ = tree_->With({number}, {}); }
  const Tree& tree() const { return *tree_; }

 private:
  Event event_;
  ObsoleteFiles obsolete_{&event_};
  std::shared_ptr<const Tree> tree_ = std::make_shared<Tree>();
  std::uint64_t last_number_ = 0;
};

inline std::vector<std::uint64_t> Numbers(const Tree::Tables& tables) {
  std::vector<std::uint64_t> numbers;
  for (const auto& table : tables) numbers.push_back(table->info().number);
  return numbers;
}

}  // namespace aurora::lsm
