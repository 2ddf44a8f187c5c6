// The state of a store at one sequence, held in place so that its files can be copied while
// commits, flushes and compactions go on.
//
// What belongs to it: the tables and value files of `state`, and the first bytes of the segments of
// `log`, which hold every later commit up to `sequence` and nothing beyond. Both are on the device,
// and neither changes. While the image lives its tables keep their files and its segments are not
// recycled: so it costs space, and must be gone before the store is closed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "aurora/lsm/log_pins.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/types.h"

namespace aurora::lsm {

struct StoreImage {
  std::string directory;
  Sequence sequence = 0;
  // The tree and what recovery needs. Its identity is the store's: a copy needs an epoch of its
  // own. Without a log to replay, log_start_segment is 0.
  ManifestState state;
  // Oldest first: number, and the offset where it ends.
  std::vector<LogPosition> log;

  std::uint64_t TotalBytes() const {
    std::uint64_t bytes = 0;
    for (const auto& [number, table] : state.tables) bytes += table.size_bytes;
    for (const auto& [id, use] : state.value_files) bytes += use.info.size_bytes;
    for (const LogPosition& part : log) bytes += part.offset;
    return bytes;
  }

  // What holds the files in place.
  std::shared_ptr<const void> tables_pin;
  std::unique_ptr<LogPins::Pin> log_pin;
};

}  // namespace aurora::lsm
