#include "aurora/lsm/table_properties.h"

#include <algorithm>
#include <cstring>
#include <exception>

#include "aurora/lsm/filter.h"
#include "aurora/lsm/table_properties.capnp.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"
#include "capnp/message.h"
#include "capnp/serialize.h"
#include "kj/array.h"
#include "kj/exception.h"

namespace aurora::lsm {

namespace {

kj::ArrayPtr<const kj::byte> ToData(std::string_view bytes) {
  return kj::arrayPtr(reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size());
}
std::string FromData(capnp::Data::Reader data) {
  return std::string(reinterpret_cast<const char*>(data.begin()), data.size());
}

TableProperties Read(wire::TableProperties::Reader reader) {
  TableProperties properties;
  properties.entry_count = reader.getEntryCount();
  properties.delete_count = reader.getDeleteCount();
  properties.merge_count = reader.getMergeCount();
  properties.key_count = reader.getKeyCount();
  properties.data_block_count = reader.getDataBlockCount();
  properties.raw_key_bytes = reader.getRawKeyBytes();
  properties.raw_value_bytes = reader.getRawValueBytes();
  properties.data_bytes = reader.getDataBytes();
  properties.smallest_key = FromData(reader.getSmallestKey());
  properties.largest_key = FromData(reader.getLargestKey());
  properties.smallest_sequence = reader.getSmallestSequence();
  properties.largest_sequence = reader.getLargestSequence();
  properties.filter_bits_per_key = reader.getFilterBitsPerKey();
  properties.filter_pages = {reader.getFilterProbeCount(), FromData(reader.getFilterPages())};
  properties.range_delete_count = reader.getRangeDeleteCount();
  properties.largest_is_exclusive = reader.getLargestIsExclusive();
  properties.expiring_count = reader.getExpiringCount();
  properties.half_expired_at = static_cast<Expiry>(reader.getHalfExpiredAt());
  for (const auto values : reader.getValues()) {
    properties.values.push_back(
        {{values.getFile(), values.getValueCount(), values.getStoredBytes()},
         FromData(values.getNumbers())});
  }
  return properties;
}

void SetValues(const std::vector<TableValues>& values,
               capnp::List<wire::TableValues>::Builder builder) {
  for (unsigned i = 0; i < builder.size(); ++i) {
    builder[i].setFile(values[i].sum.file);
    builder[i].setValueCount(values[i].sum.value_count);
    builder[i].setStoredBytes(values[i].sum.stored_bytes);
    builder[i].setNumbers(ToData(values[i].numbers));
  }
}

bool AreConsistent(const std::vector<TableValues>& values, std::uint64_t entry_count) {
  std::uint64_t file = 0;
  std::uint64_t count = 0;
  for (const TableValues& each : values) {
    const absl::StatusOr<std::vector<std::uint32_t>> numbers = DecodeValueNumbers(each.numbers);
    if (!numbers.ok() || numbers->empty() || numbers->size() != each.sum.value_count) return false;
    if (each.sum.file <= file) return false;
    file = each.sum.file;
    count += numbers->size();
  }
  return count <= entry_count;
}

bool IsConsistent(const FilterPages& pages) {
  if (pages.empty()) return pages.probe_count == 0;
  return pages.checksums.size() % sizeof(std::uint64_t) == 0 && pages.probe_count >= 1 &&
         pages.probe_count <= kMaxFilterProbes;
}

bool IsConsistent(const TableProperties& p) {
  return p.entry_count > 0 && p.delete_count <= p.entry_count &&
         p.merge_count <= p.entry_count - p.delete_count && p.key_count > 0 &&
         p.key_count <= p.entry_count && p.data_block_count > 0 &&
         p.data_block_count <= p.entry_count && p.smallest_key <= p.largest_key &&
         (!p.largest_is_exclusive ||
          (p.range_delete_count > 0 && p.smallest_key != p.largest_key)) &&
         p.smallest_sequence <= p.largest_sequence && p.largest_sequence <= kMaxSequence &&
         p.filter_bits_per_key <= kMaxFilterBitsPerKey && IsConsistent(p.filter_pages) &&
         p.expiring_count <= p.entry_count - p.delete_count && p.half_expired_at >= 0 &&
         (p.half_expired_at == 0 || p.expiring_count > 0) && AreConsistent(p.values, p.entry_count);
}

}  // namespace

void TableProperties::IncludeRangeDeletes(std::span<const RangeDelete> deletes) {
  range_delete_count = deletes.size();
  for (const RangeDelete& range : deletes) {
    if (range.begin < smallest_key) smallest_key = range.begin;
    if (range.end > largest_key) {
      largest_key = range.end;
      largest_is_exclusive = true;
    }
    smallest_sequence = std::min(smallest_sequence, range.sequence);
    largest_sequence = std::max(largest_sequence, range.sequence);
  }
}

Expiry HalfExpiredAt(std::uint64_t entry_count, std::uint64_t delete_count,
                     std::vector<Expiry>* expiries) {
  const std::uint64_t half = (entry_count + 1) / 2;
  if (delete_count >= half || half - delete_count > expiries->size()) return 0;
  const auto last = expiries->begin() + static_cast<std::ptrdiff_t>(half - delete_count - 1);
  std::nth_element(expiries->begin(), last, expiries->end());
  return *last;
}

void TableValuesBuilder::Add(const ValueHandle& handle) {
  if (handle.number > 0 && AURORA_PLANTED_BUG("value-reference-uncounted")) return;
  File& file = files_[handle.file];
  file.sum.file = handle.file;
  ++file.sum.value_count;
  file.sum.stored_bytes += handle.stored_bytes;
  file.numbers.push_back(handle.number);
  stored_bytes_ += handle.stored_bytes;
  ++count_;
}

std::vector<TableValues> TableValuesBuilder::Finish() {
  std::vector<TableValues> values;
  for (auto& [id, file] : files_) {
    std::sort(file.numbers.begin(), file.numbers.end());
    values.push_back({file.sum, EncodeValueNumbers(file.numbers)});
  }
  return values;
}

std::string EncodeTableProperties(const TableProperties& properties) {
  capnp::MallocMessageBuilder message;
  auto builder = message.initRoot<wire::TableProperties>();
  builder.setEntryCount(properties.entry_count);
  builder.setDeleteCount(properties.delete_count);
  builder.setMergeCount(properties.merge_count);
  builder.setKeyCount(properties.key_count);
  builder.setDataBlockCount(properties.data_block_count);
  builder.setRawKeyBytes(properties.raw_key_bytes);
  builder.setRawValueBytes(properties.raw_value_bytes);
  builder.setDataBytes(properties.data_bytes);
  builder.setSmallestKey(ToData(properties.smallest_key));
  builder.setLargestKey(ToData(properties.largest_key));
  builder.setSmallestSequence(properties.smallest_sequence);
  builder.setLargestSequence(properties.largest_sequence);
  builder.setFilterBitsPerKey(static_cast<std::uint8_t>(properties.filter_bits_per_key));
  if (!properties.filter_pages.empty()) {
    builder.setFilterProbeCount(static_cast<std::uint8_t>(properties.filter_pages.probe_count));
    builder.setFilterPages(ToData(properties.filter_pages.checksums));
  }
  builder.setRangeDeleteCount(properties.range_delete_count);
  builder.setLargestIsExclusive(properties.largest_is_exclusive);
  builder.setExpiringCount(properties.expiring_count);
  builder.setHalfExpiredAt(static_cast<std::uint64_t>(properties.half_expired_at));
  if (!properties.values.empty()) {
    SetValues(properties.values,
              builder.initValues(static_cast<unsigned>(properties.values.size())));
  }
  const kj::Array<capnp::word> words = capnp::messageToFlatArray(message);
  const auto bytes = words.asPtr().asChars();
  return std::string(bytes.begin(), bytes.size());
}

absl::StatusOr<TableProperties> DecodeTableProperties(std::string_view bytes) {
  if (bytes.size() % sizeof(capnp::word) != 0) return DataLossError("not a whole message");
  // Every pointer may be followed once or twice; the schema nests two deep.
  capnp::ReaderOptions limits;
  limits.traversalLimitInWords = 4 * bytes.size() / sizeof(capnp::word) + 64;
  limits.nestingLimit = 8;
  kj::Array<capnp::word> words = kj::heapArray<capnp::word>(bytes.size() / sizeof(capnp::word));
  if (!bytes.empty()) std::memcpy(words.begin(), bytes.data(), bytes.size());
  try {
    capnp::FlatArrayMessageReader message(words, limits);
    TableProperties properties = Read(message.getRoot<wire::TableProperties>());
    if (!IsConsistent(properties)) return DataLossError("the properties contradict themselves");
    return properties;
  } catch (const kj::Exception& e) {
    return DataLossError("not a valid message: ", e.getDescription().cStr());
  } catch (const std::exception& e) {
    return DataLossError("not a valid message: ", e.what());
  }
}

}  // namespace aurora::lsm
