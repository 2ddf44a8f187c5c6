// Strings in Aurora are UTF-8, as JSON and Cap'n Proto want them.
#pragma once

#include <cstddef>
#include <string_view>

namespace aurora {

// The length of the longest prefix of `text` that is valid UTF-8: text.size() if all of it is.
// Overlong forms, surrogates and code points above U+10FFFF are invalid. Plain ASCII costs a load
// for each 8 bytes.
std::size_t ValidUtf8Prefix(std::string_view text);

inline bool IsValidUtf8(std::string_view text) { return ValidUtf8Prefix(text) == text.size(); }

// The number of code points of valid UTF-8.
std::size_t Utf8Length(std::string_view text);

}  // namespace aurora
