// What a table holds, as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/lsm/expiry.h"
#include "aurora/lsm/filter.h"
#include "aurora/lsm/range_deletes.h"
#include "aurora/lsm/types.h"
#include "aurora/lsm/value_format.h"

namespace aurora::lsm {

// What a table needs of a value file.
struct TableValues {
  ValueReference sum;
  std::string numbers;  // of the values: DecodeValueNumbers
  friend bool operator==(const TableValues&, const TableValues&) = default;
};

struct TableProperties {
  std::uint64_t entry_count = 0;
  std::uint64_t delete_count = 0;
  std::uint64_t merge_count = 0;
  std::uint64_t key_count = 0;  // different stored keys
  std::uint64_t data_block_count = 0;
  std::uint64_t raw_key_bytes = 0;  // sums over all entries, uncompressed
  std::uint64_t raw_value_bytes = 0;
  std::uint64_t data_bytes = 0;  // of the data blocks, as stored
  std::string smallest_key;      // stored keys, both inclusive, of entries and range deletes
  std::string largest_key;
  bool largest_is_exclusive = false;  // it is where a range delete ends
  Sequence smallest_sequence = 0;
  Sequence largest_sequence = 0;
  int filter_bits_per_key = 0;  // 0: no filter
  FilterPages filter_pages;     // of a filter beside an index in parts; else empty
  std::uint64_t range_delete_count = 0;
  std::vector<TableValues> values;   // ascending by file
  std::uint64_t expiring_count = 0;  // entries that expire
  Expiry half_expired_at = 0;        // HalfExpiredAt
  friend bool operator==(const TableProperties&, const TableProperties&) = default;

  // Widens the bounds, which are those of the entries, to what the range deletes of the table span.
  void IncludeRangeDeletes(std::span<const RangeDelete> deletes);
};

// When half of a table's entries, or more, will have expired or be deletes; 0: never by expiring,
// since they do not, or deletes are half of them already. `expiries` are those of its entries, and
// are put in another order.
Expiry HalfExpiredAt(std::uint64_t entry_count, std::uint64_t delete_count,
                     std::vector<Expiry>* expiries);

// Collects what the entries of a table need of value files.
class TableValuesBuilder {
 public:
  // The next entry whose value is elsewhere, in any order.
  void Add(const ValueHandle& handle);
  std::vector<TableValues> Finish();
  // Of the values of all entries, in their files.
  std::uint64_t stored_bytes() const { return stored_bytes_; }
  std::size_t memory_bytes() const { return 2 * sizeof(std::uint32_t) * count_; }

 private:
  struct File {
    ValueReference sum;
    std::vector<std::uint32_t> numbers;
  };
  std::map<std::uint64_t, File> files_;
  std::uint64_t stored_bytes_ = 0;
  std::size_t count_ = 0;
};

// As a Cap'n Proto message, table_properties.capnp.
std::string EncodeTableProperties(const TableProperties& properties);
// DataLoss if the bytes are not such a message or contradict themselves.
absl::StatusOr<TableProperties> DecodeTableProperties(std::string_view bytes);

}  // namespace aurora::lsm
