// Zstandard for blocks of a few KiB. At that size making a context costs more than the work (a
// block read took 15 us, not 2), so contexts are kept and used again: as many as were ever in use
// at once, each of some hundred KiB up to a MiB.
//
// Thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace aurora::lsm {

// The most bytes that a frame of `raw_bytes` takes.
std::size_t ZstdBound(std::size_t raw_bytes);

// One frame; its size, or 0 if it cannot be made. `out` has ZstdBound(raw.size()) bytes.
std::size_t ZstdCompress(std::string_view raw, std::span<char> out);

// How many bytes a frame says that it holds; nullopt if it is none or does not say. Not verified.
std::optional<std::size_t> ZstdRawBytes(std::string_view frame);

// True if `frame` holds exactly as many bytes as `raw`, and these are in `raw` now.
bool ZstdDecompress(std::string_view frame, std::span<char> raw);

}  // namespace aurora::lsm
