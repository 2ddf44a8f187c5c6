// The version of the library.
#pragma once

#include <string_view>

namespace aurora {

// As in semver.org. CHANGELOG.md and `aurora-tool --version` say the same (a test compares them).
// The file format has a version of its own: docs/file-format.md.
inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace aurora
