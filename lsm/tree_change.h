// A change of the tree, on its way from a flush or a compaction to the manifest and then to
// readers.
#pragma once

#include <memory>
#include <vector>

#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/tree.h"
#include "aurora/lsm/view_slots.h"

namespace aurora::lsm {

struct TreeChange {
  ManifestEdit edit;
  std::vector<Tree::Addition> added;                 // as in edit.added_tables
  std::vector<std::shared_ptr<TreeTable>> obsolete;  // dropped by the edit and not moved
  Tree::ValueFileChange values;                      // as in the edit
  std::vector<std::shared_ptr<TreeValueFile>> obsolete_values;
  std::shared_ptr<MemtableRun> flushed;  // or null
  std::shared_ptr<const void> readers;   // SnapshotList::Readers::hold, of what was dropped
  // On a full device: it is tried again until there is room. Else it fails, and whether it is in
  // the manifest is unknown until the store is opened again: no file that it names may be removed.
  bool waits_for_room = true;
};

}  // namespace aurora::lsm
