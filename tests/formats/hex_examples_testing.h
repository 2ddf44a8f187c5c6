// Bytes as a document shows them, so that a test can hold the document to them.
//
//   <!-- example: NAME -->
//   ```
//   0000: 41 4d 46 31              # a note
//   0004: 00 x 4088
//   ```
//
// A line is an offset, bytes in hexadecimal, and what stands behind a '#' says nothing. "00 x N" is
// N zeros. An offset that is wrong is an error: readers count by it. So is a name that comes twice.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace aurora {

// The examples of a page of Markdown, by name.
absl::StatusOr<std::map<std::string, std::string>> ReadHexExamples(std::string_view page);

// `bytes` as the body of an example: 16 to a line, long runs of zeros as "00 x N".
std::string ShowAsHexExample(std::string_view bytes);

}  // namespace aurora
