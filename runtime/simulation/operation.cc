#include "aurora/runtime/simulation/operation.h"

#include <array>

#include "aurora/runtime/check.h"
#include "aurora/runtime/strings.h"

namespace aurora {
namespace {

struct Traits {
  std::string_view name;
  bool persistent;
};

constexpr std::array<Traits, kOperationKindCount> kTraits = {{
    {"open", false},         {"create", true}, {"read", false},          {"write", true},
    {"durable write", true}, {"sync", true},   {"truncate", true},       {"allocate", true},
    {"size", false},         {"map", false},   {"publish", true},        {"list", false},
    {"stat", false},         {"mkdir", true},  {"rmdir", true},          {"unlink", true},
    {"rename", true},        {"link", true},   {"directory sync", true}, {"lock", false},
    {"free space", false},
}};

const Traits& TraitsOf(OperationKind kind) {
  const auto index = static_cast<std::size_t>(kind);
  AURORA_CHECK(index < kTraits.size());
  return kTraits[index];
}

}  // namespace

std::string_view OperationName(OperationKind kind) { return TraitsOf(kind).name; }

bool IsPersistent(OperationKind kind) { return TraitsOf(kind).persistent; }

std::string Describe(const Operation& operation) {
  std::string text = StrCat(OperationName(operation.kind), " of ", operation.path);
  if (!operation.to.empty()) StrAppend(&text, " to ", operation.to);
  switch (operation.kind) {
    case OperationKind::kRead:
    case OperationKind::kWrite:
    case OperationKind::kWriteDurably:
    case OperationKind::kPublish:
      StrAppend(&text, " at ", operation.offset, ", ", operation.size, " bytes");
      break;
    case OperationKind::kTruncate:
    case OperationKind::kAllocate:
      StrAppend(&text, " to ", operation.size, " bytes");
      break;
    default:
      break;
  }
  return text;
}

}  // namespace aurora
