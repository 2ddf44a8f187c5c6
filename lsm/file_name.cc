#include "aurora/lsm/file_name.h"

#include <charconv>
#include <system_error>

#include "aurora/runtime/check.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {
namespace {

constexpr std::string_view kRootPrefix = "ROOT-";
constexpr std::string_view kManifestPrefix = "MANIFEST-";
constexpr std::string_view kTableSuffix = ".table";
constexpr std::string_view kValuesSuffix = ".values";
constexpr std::string_view kRecordSuffix = ".record";
constexpr std::size_t kDigits = 6;

std::string Digits(std::uint64_t number) {
  AURORA_CHECK(number > 0);
  std::string digits = std::to_string(number);
  if (digits.size() < kDigits) digits.insert(0, kDigits - digits.size(), '0');
  return digits;
}

// 0 if `digits` is not what Digits() makes.
std::uint64_t ParseDigits(std::string_view digits) {
  std::uint64_t number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [next, error] = std::from_chars(digits.data(), end, number);
  if (error != std::errc() || next != end || number == 0 || Digits(number) != digits) return 0;
  return number;
}

}  // namespace

FileName ParseFileName(std::string_view name) {
  using Kind = FileName::Kind;
  if (name == kLockFileName) return {Kind::kLock, 0};
  if (name == kReserveFileName) return {Kind::kReserve, 0};
  if (name == kLogDirectoryName) return {Kind::kLogDirectory, 0};
  if (name == kEventFileName || name == kOldEventFileName) return {Kind::kEvents, 0};
  FileName parsed;
  if (name.starts_with(kRootPrefix)) {
    parsed = {Kind::kRoot, ParseDigits(name.substr(kRootPrefix.size()))};
  } else if (name.starts_with(kManifestPrefix)) {
    parsed = {Kind::kManifest, ParseDigits(name.substr(kManifestPrefix.size()))};
  } else if (name.ends_with(kTableSuffix)) {
    parsed = {Kind::kTable, ParseDigits(name.substr(0, name.size() - kTableSuffix.size()))};
  } else if (name.ends_with(kValuesSuffix)) {
    parsed = {Kind::kValues, ParseDigits(name.substr(0, name.size() - kValuesSuffix.size()))};
  }
  return parsed.number == 0 ? FileName() : parsed;
}

std::string RootFileName(std::uint64_t number) { return StrCat(kRootPrefix, Digits(number)); }
std::string ManifestFileName(std::uint64_t number) {
  return StrCat(kManifestPrefix, Digits(number));
}
std::string TableFileName(std::uint64_t number) { return StrCat(Digits(number), kTableSuffix); }
std::string ValueFileName(std::uint64_t number) { return StrCat(Digits(number), kValuesSuffix); }
std::string RecordFileName(std::uint64_t number) { return StrCat(Digits(number), kRecordSuffix); }
std::uint64_t ParseRecordFileName(std::string_view name) {
  if (!name.ends_with(kRecordSuffix)) return 0;
  return ParseDigits(name.substr(0, name.size() - kRecordSuffix.size()));
}

std::string JoinPath(std::string_view directory, std::string_view name) {
  if (directory.empty()) return std::string(name);
  return directory.ends_with('/') ? StrCat(directory, name) : StrCat(directory, "/", name);
}

std::string ParentPath(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(path.substr(0, slash == 0 ? 1 : slash));
}

}  // namespace aurora::lsm
