#include "aurora/tools/commands/findings.h"

#include <array>
#include <ostream>
#include <utility>

#include "aurora/lsm/key.h"
#include "aurora/runtime/strings.h"
#include "aurora/tools/commands/session.h"
#include "aurora/tools/text_table.h"

namespace aurora::tools {
namespace {

using Kind = lsm::Finding::Kind;

std::string_view KindName(Kind kind) {
  constexpr std::array<std::string_view, 3> kNames = {"damage", "doubt", "note"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace

Array FindingsToArray(std::span<const lsm::Finding> findings) {
  Array array;
  for (const lsm::Finding& finding : findings) {
    Object object{{"kind", Value(std::string(KindName(finding.kind)))},
                  {"file", Value(finding.file)}};
    if (finding.where.has_value()) {
      object.Set("offset", Number(finding.where->offset));
      object.Set("bytes", Number(finding.where->bytes));
    }
    object.Set("what", Value(finding.what));
    array.Append(Value(std::move(object)));
  }
  return array;
}

void PrintFindings(std::span<const lsm::Finding> findings, const Streams& streams) {
  if (findings.empty()) return;
  TextTable table({"kind", "file", "offset", "bytes", "what"});
  for (const Kind kind : {Kind::kDamage, Kind::kDoubt, Kind::kNote}) {
    for (const lsm::Finding& finding : findings) {
      if (finding.kind != kind) continue;
      const bool placed = finding.where.has_value();
      table.Add({std::string(KindName(kind)), finding.file.empty() ? "." : finding.file,
                 placed ? StrCat(finding.where->offset) : std::string(),
                 placed ? StrCat(finding.where->bytes) : std::string(), finding.what});
    }
  }
  streams.out << table.ToFittingString(streams.out_terminal) << "\n";
}

std::string HexText(std::string_view bytes, std::size_t limit) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes.substr(0, limit)) {
    const auto value = static_cast<unsigned char>(byte);
    text += kDigits[value >> 4];
    text += kDigits[value & 15];
  }
  if (bytes.size() > limit) text += "...";
  return text;
}

std::string StoredKeyText(std::string_view stored_key) {
  lsm::KeyspaceId keyspace = 0;
  std::string_view key;
  if (!lsm::ParseStoredKey(stored_key, &keyspace, &key)) {
    return stored_key.empty() ? std::string("the first key") : HexText(stored_key);
  }
  return StrCat("keyspace ", keyspace, ", ", key.empty() ? std::string("first key") : HexText(key));
}

}  // namespace aurora::tools
