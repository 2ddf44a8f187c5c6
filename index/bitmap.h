// CRoaring's 32-bit bitmap under one name: older releases declare it in the global namespace, newer
// ones in `roaring`.
#pragma once

#include "roaring/roaring.hh"

namespace roaring {}

namespace aurora::index {
namespace internal {
using namespace ::roaring;  // NOLINT: finds the class wherever it is
using RoaringBitmap = Roaring;
}  // namespace internal

using Bitmap = internal::RoaringBitmap;

}  // namespace aurora::index
