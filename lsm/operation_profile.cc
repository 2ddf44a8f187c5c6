#include "aurora/lsm/operation_profile.h"

namespace aurora::lsm {

void OperationProfile::Add(const OperationProfile& other) {
  memtables_probed += other.memtables_probed;
  tables_probed += other.tables_probed;
  filter_rejections += other.filter_rejections;
  blocks_from_cache += other.blocks_from_cache;
  blocks_from_device += other.blocks_from_device;
  bytes_read += other.bytes_read;
  entries_walked += other.entries_walked;
  merge_operands += other.merge_operands;
  tombstones_skipped += other.tombstones_skipped;
  versions_skipped += other.versions_skipped;
  device_wait_nanos += other.device_wait_nanos;
  room_wait_nanos += other.room_wait_nanos;
  publication_wait_nanos += other.publication_wait_nanos;
  log_wait_nanos += other.log_wait_nanos;
}

}  // namespace aurora::lsm
