// Whatever bytes a posting is read from: an error, or sets that the algebra can work with and that
// round-trip.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "aurora/index/posting.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  absl::StatusOr<aurora::index::PostingDelta> delta = aurora::index::PostingDelta::Decode(bytes);
  if (!delta.ok()) return 0;
  aurora::index::PostingDelta twice = *delta;
  twice.Append(*delta);
  if (!(twice.added == delta->added) || !(twice.removed == delta->removed)) std::abort();
  if (!aurora::index::PostingDelta::Decode(delta->Encode()).ok()) std::abort();
  return 0;
}
