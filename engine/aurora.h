// Everything that a program usually needs of Aurora. Depend on //:aurora and include
// "aurora/aurora.h"; single headers are there as "aurora/engine/version.h" and so on.
#pragma once

#include "aurora/engine/version.h"  // IWYU pragma: export
#include "aurora/runtime/status.h"  // IWYU pragma: export
