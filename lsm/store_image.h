// The state of a store at one sequence, held in place so that its files can be copied while
// commits, flushes and compactions go on.
//
// What belongs to it: the tables and value files of `state`, and the first bytes of the segments of
// `log` with the record files that they name, which hold every later commit up to `sequence` and
// nothing beyond. All are on the device, and none changes. While the image lives they stay where
// they are: so it costs space, and must be gone before the store is closed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "aurora/lsm/log_pins.h"
#include "aurora/lsm/log_types.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/record_file.h"
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
  // What these segments name, of the commits that no table of `state` has.
  std::vector<RecordFileReference> record_files;

  std::uint64_t TotalBytes() const {
    std::uint64_t bytes = 0;
    for (const auto& [number, table] : state.tables) bytes += table.size_bytes;
    for (const auto& [id, use] : state.value_files) bytes += use.info.size_bytes;
    for (const LogPosition& part : log) bytes += part.offset;
    for (const RecordFileReference& file : record_files) {
      bytes += RecordFileBytes(file.payload_bytes);
    }
    return bytes;
  }

  // What holds the files in place.
  std::shared_ptr<const void> tables_pin;
  std::unique_ptr<LogPins::Pin> log_pin;
  std::vector<std::shared_ptr<const void>> record_file_pins;
};

}  // namespace aurora::lsm
