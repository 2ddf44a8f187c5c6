// What verify and repair have found, as text and as JSON.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "aurora/engine/document/value.h"
#include "aurora/lsm/store_verifier.h"
#include "aurora/tools/command_line.h"

namespace aurora::tools {

Array FindingsToArray(std::span<const lsm::Finding> findings);
// A line each, damage first.
void PrintFindings(std::span<const lsm::Finding> findings, const Streams& streams);

// "keyspace 3, 00000000002a", as people and `find` write a key.
std::string StoredKeyText(std::string_view stored_key);
// Bytes as hexadecimal digits, at most `limit` bytes and then "...".
std::string HexText(std::string_view bytes, std::size_t limit = 64);

}  // namespace aurora::tools
