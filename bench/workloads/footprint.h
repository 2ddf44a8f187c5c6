// What a workload costs the disk, the memory and the processors.
#pragma once

#include <cstdint>
#include <string>

namespace aurora::bench {

// Bytes that this process has had written to devices, or made dirty in the page cache, so far.
std::uint64_t BytesWritten();

// Bytes that this process has had read from devices so far.
std::uint64_t BytesRead();

// Time of processors that this process has used so far.
double ProcessorSeconds();

// The most memory of this process that was resident at once since it began, or since the last
// ForgetPeak. Pages of mapped files count.
std::uint64_t PeakResidentBytes();
void ForgetPeak();
// Gives the kernel back what the heap keeps of freed memory, so that what was before does not
// count.
void ReturnFreeMemory();
// What is resident now, and what of it are pages of files.
std::uint64_t ResidentBytes();
std::uint64_t ResidentFileBytes();

// Drops what the page cache holds of the files below `directory`, once it is written to the device.
// What a process has mapped stays.
void DropPageCache(const std::string& directory);

// Drops what this process has mapped read-only of the files below `directory`, and has the kernel
// read no more of them than is touched: without that it reads 128 KiB around a page that is
// missing.
void DropReadOnlyMaps(const std::string& directory);

// The blocks that the files below `directory` hold, in bytes: preallocated ones included, holes
// not.
std::uint64_t DiskBytes(const std::string& directory);

}  // namespace aurora::bench
