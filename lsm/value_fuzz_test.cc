// Any bytes as the parts of a value file, behind the checksums that would stop nearly all of them:
// the first byte chooses the part.
#include <xxhash.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "aurora/lsm/coding.h"
#include "aurora/lsm/value_format.h"
#include "aurora/runtime/check.h"

namespace aurora::lsm {
namespace {

void Footer(std::string_view bytes) {
  std::string footer(bytes.substr(0, kValueFooterBytes));
  footer.resize(kValueFooterBytes, '\0');
  StoreFixed<std::uint64_t>(footer.data() + 120, XXH3_64bits(footer.data(), 120));
  // The size that the footer itself claims, so that it may pass.
  const auto size = LoadFixed<std::uint64_t>(footer.data() + 40);
  if (size < kValueFooterBytes) return;
  const auto parsed = ParseAnyValueFooter(footer, size);
  if (!parsed.ok()) return;
  std::string again;
  AppendValueFooter(*parsed, &again);
  AURORA_CHECK(again == footer);
}

void Index(std::string_view bytes) {
  if (bytes.size() < 8) return;
  const auto data_end = LoadFixed<std::uint64_t>(bytes.data());
  const auto index = ValueIndex::Open(bytes.substr(8), data_end);
  if (!index.ok()) return;
  std::uint64_t end = 0;
  ValueIndexBuilder builder;
  for (std::size_t i = 0; i < index->value_count(); ++i) {
    const ValueIndex::Pieces pieces = index->Find(index->number(i));
    AURORA_CHECK(!pieces.empty() && pieces.front().offset == end);
    end = pieces.back().end();
    AURORA_CHECK(RawBytes(pieces) > 0 && StoredBytes(pieces) > 0);
    builder.AddValue(index->number(i));
    for (const BlockHandle& piece : pieces) builder.AddPiece(piece);
  }
  AURORA_CHECK(end == data_end && builder.Finish() == bytes.substr(8));
}

void Numbers(std::string_view bytes) {
  const auto numbers = DecodeValueNumbers(bytes);
  if (!numbers.ok()) return;
  const auto again = DecodeValueNumbers(EncodeValueNumbers(*numbers));
  AURORA_CHECK(again.ok() && *again == *numbers);
}

void Handle(std::string_view bytes) {
  const auto handle = DecodeValueHandle(bytes);
  if (handle.ok()) AURORA_CHECK(EncodeValueHandle(*handle) == bytes);
}

}  // namespace
}  // namespace aurora::lsm

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aurora::lsm;  // NOLINT
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      Footer(bytes);
      break;
    case 1:
      Index(bytes);
      break;
    case 2:
      Numbers(bytes);
      break;
    default:
      Handle(bytes);
  }
  return 0;
}
