// How large and how deep documents and the text they come from may be. A document over a limit is
// refused with ResourceExhausted, naming the limit, before anything is written. Every limit is
// inclusive.
#pragma once

#include <cstdint>

namespace aurora {

struct DocumentLimits {
  // Encoded, in bytes.
  std::uint32_t document_bytes_max = 16 << 20;
  // Objects and arrays within each other; the document itself is at depth 1.
  std::uint32_t depth_max = 100;
  // Members of all objects of a document together.
  std::uint32_t fields_max = 100'000;
  // Items of one array.
  std::uint32_t array_items_max = 1'000'000;
  // The name of one field, in bytes.
  std::uint32_t name_bytes_max = 255;
  // Ids and indexed terms, encoded, in bytes.
  std::uint32_t key_bytes_max = 4096;
  // One line of an NDJSON file, in bytes without the line end.
  std::uint64_t line_bytes_max = 64 << 20;
  // All of an imported file, in bytes.
  std::uint64_t import_bytes_max = UINT64_MAX;

  // For documents from strangers.
  static constexpr DocumentLimits Strict() {
    return {.document_bytes_max = 1 << 20,
            .depth_max = 32,
            .fields_max = 1000,
            .array_items_max = 10'000,
            .name_bytes_max = 255,
            .key_bytes_max = 512,
            .line_bytes_max = 1 << 20,
            .import_bytes_max = 1 << 30};
  }

  // What the format and its readers can bear at all. Reading is held to these only, so that
  // documents written under other limits stay readable.
  static constexpr DocumentLimits Absolute() {
    return {.document_bytes_max = 1 << 30,
            .depth_max = 200,
            .fields_max = 1 << 26,
            .array_items_max = 1 << 26,
            .name_bytes_max = 255,
            .key_bytes_max = 4096,
            .line_bytes_max = UINT64_MAX,
            .import_bytes_max = UINT64_MAX};
  }
};

}  // namespace aurora
