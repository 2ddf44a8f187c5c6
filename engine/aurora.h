// Everything that a program usually needs of Aurora. Depend on //:aurora and include
// "aurora/aurora.h"; single headers are there as "aurora/engine/version.h" and so on.
#pragma once

#include "aurora/engine/archive.h"        // IWYU pragma: export
#include "aurora/engine/backup.h"         // IWYU pragma: export
#include "aurora/engine/database.h"       // IWYU pragma: export
#include "aurora/engine/document/json.h"  // IWYU pragma: export
#include "aurora/engine/query/parser.h"   // IWYU pragma: export
#include "aurora/engine/version.h"        // IWYU pragma: export
#include "aurora/runtime/block_on.h"      // IWYU pragma: export
#include "aurora/runtime/status.h"        // IWYU pragma: export
#include "aurora/runtime/task.h"          // IWYU pragma: export
