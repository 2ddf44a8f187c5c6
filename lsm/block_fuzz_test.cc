// Any bytes as a block: refused, or safe to walk, search and read.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "aurora/lsm/block.h"
#include "aurora/lsm/key_history.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/check.h"

namespace aurora::lsm {
namespace {

std::size_t Touch(std::string_view bytes) {
  std::size_t sum = 0;
  for (const char c : bytes) sum += static_cast<unsigned char>(c);
  return sum;
}

void Exercise(const Block& block, std::string_view some_key) {
  volatile std::size_t sum = 0;
  std::uint32_t forward = 0;
  Block::Cursor cursor;
  cursor.Reset(&block);
  for (cursor.SeekToFirst(); cursor.Valid(); cursor.Next(), ++forward) {
    sum = sum + Touch(cursor.key().key) + Touch(cursor.value());
    AURORA_CHECK(cursor.key().version.kind() <= EntryKind::kMerge);
  }
  AURORA_CHECK(forward == block.entry_count());
  std::uint32_t backward = 0;
  for (cursor.SeekToLast(); cursor.Valid(); cursor.Prev(), ++backward) {
    sum = sum + Touch(cursor.key().key) + Touch(cursor.value());
  }
  AURORA_CHECK(backward == forward);
  cursor.Seek({some_key, Version(kMaxSequence, EntryKind::kMerge)});
  if (cursor.Valid()) sum = sum + Touch(cursor.key().key);
  cursor.SeekBackward({some_key, Version(1, EntryKind::kPut)});
  if (cursor.Valid()) sum = sum + Touch(cursor.key().key);
  // The keys that it holds, as far as they are: a copy, since the cursor moves.
  int looked_up = 0;
  Block::Cursor seeker;
  seeker.Reset(&block);
  for (cursor.SeekToFirst(); cursor.Valid() && looked_up < 50; cursor.Next(), ++looked_up) {
    seeker.Seek(cursor.key());
    KeyHistory history;
    block.Get(cursor.key().key, cursor.key().version.sequence(), nullptr, &history);
  }
}

}  // namespace
}  // namespace aurora::lsm

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using aurora::lsm::Block;
  auto bytes = std::make_unique<char[]>(size);
  if (size > 0) std::memcpy(bytes.get(), data, size);
  const auto block = Block::Open(std::move(bytes), size, {});
  if (block.ok()) {
    aurora::lsm::Exercise(
        **block, {reinterpret_cast<const char*>(data), size < 20 ? size : std::size_t{20}});
  }
  return 0;
}
