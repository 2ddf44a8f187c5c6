#include "aurora/lsm/kv_store.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "aurora/lsm/coding.h"
#include "aurora/lsm/key.h"
#include "aurora/lsm/memtable.h"
#include "aurora/lsm/range_deletes.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/compiler.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {
namespace {

// Bytes of a mutation's record apart from key and value.
constexpr std::size_t kHeaderMax = 3 * kMaxVarint64Bytes;

// Of kinds that do not stand for themselves in a record.
constexpr std::uint64_t kDeleteRangeCode = 3;
constexpr std::uint64_t kSeparatedPutCode = std::uint64_t{1} << 34 | 1;
constexpr std::uint64_t kExpiringPutCode = std::uint64_t{1} << 34 | 2;

std::uint64_t CodeOf(EntryKind kind) {
  if (kind == EntryKind::kDeleteRange) return kDeleteRangeCode;
  if (kind == EntryKind::kSeparatedPut) return kSeparatedPutCode;
  if (kind == EntryKind::kExpiringPut) return kExpiringPutCode;
  return static_cast<std::uint64_t>(kind);
}

// False if the tag is none.
bool ParseTag(std::uint64_t tag, Mutation* mutation) {
  mutation->keyspace = static_cast<KeyspaceId>(tag >> 2);
  const std::uint64_t code = tag - (std::uint64_t{mutation->keyspace} << 2);
  if (code == kSeparatedPutCode) {
    mutation->kind = EntryKind::kSeparatedPut;
  } else if (code == kExpiringPutCode) {
    mutation->kind = EntryKind::kExpiringPut;
  } else if (code == kDeleteRangeCode) {
    mutation->kind = EntryKind::kDeleteRange;
  } else {
    mutation->kind = static_cast<EntryKind>(code & 3);
    return code < kDeleteRangeCode;
  }
  return true;
}

char* StoreHeader(char* out, KeyspaceId keyspace, EntryKind kind, std::size_t key_size) {
  out = StoreVarint(out, std::uint64_t{keyspace} << 2 | CodeOf(kind));
  return StoreVarint(out, key_size);
}

bool IsAscending(std::span<const Mutation> mutations) {
  for (std::size_t i = 1; i < mutations.size(); ++i) {
    const Mutation& a = mutations[i - 1];
    const Mutation& b = mutations[i];
    if (a.keyspace > b.keyspace || (a.keyspace == b.keyspace && a.key >= b.key)) return false;
  }
  return true;
}

// Leaves the mutations of keys that no range delete follows, and the range deletes.
absl::Status RemoveDeleted(std::vector<Mutation>* mutations) {
  AURORA_RETURN_IF_ERROR(Memtable::CheckRangeDeletes(*mutations));
  // Their places in the batch are as good as sequences.
  std::vector<std::pair<std::string, std::string>> bounds;
  bounds.reserve(mutations->size());
  std::vector<RangeDelete> ranges;
  for (std::size_t i = 0; i < mutations->size(); ++i) {
    const Mutation& mutation = (*mutations)[i];
    if (mutation.kind != EntryKind::kDeleteRange) continue;
    bounds.emplace_back(MakeStoredKey(mutation.keyspace, mutation.key),
                        RangeEnd(mutation.keyspace, mutation.value));
    ranges.push_back({bounds.back().first, bounds.back().second, i + 1});
  }
  const RangeDeletes deletes(ranges);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < mutations->size(); ++i) {
    const Mutation& mutation = (*mutations)[i];
    const bool is_deleted =
        mutation.kind != EntryKind::kDeleteRange &&
        deletes.Cover(MakeStoredKey(mutation.keyspace, mutation.key), kMaxSequence).sequence > i;
    if (!is_deleted) (*mutations)[kept++] = mutation;
  }
  mutations->resize(kept);
  return absl::OkStatus();
}

// Leaves the last mutation of each key.
absl::Status RemoveReplaced(std::vector<Mutation>* mutations) {
  if (IsAscending(*mutations)) return absl::OkStatus();
  StringMap<std::size_t> last;
  std::vector<bool> is_replaced(mutations->size());
  bool any_replaced = false;
  for (std::size_t i = 0; i < mutations->size(); ++i) {
    const Mutation& mutation = (*mutations)[i];
    if (mutation.kind == EntryKind::kDeleteRange) continue;
    const auto [found, added] = last.try_emplace(MakeStoredKey(mutation.keyspace, mutation.key), i);
    if (added) continue;
    if (mutation.kind == EntryKind::kMerge ||
        (*mutations)[found->second].kind == EntryKind::kMerge) {
      return InvalidArgumentError("key ", Quoted(mutation.key),
                                  " is merged and changed again in one batch");
    }
    is_replaced[found->second] = any_replaced = true;
    found->second = i;
  }
  if (!any_replaced) return absl::OkStatus();
  std::size_t kept = 0;
  for (std::size_t i = 0; i < mutations->size(); ++i) {
    if (!is_replaced[i]) (*mutations)[kept++] = (*mutations)[i];
  }
  mutations->resize(kept);
  return absl::OkStatus();
}

}  // namespace

void WriteBatch::Add(KeyspaceId keyspace, EntryKind kind, std::string_view key,
                     std::string_view value) {
  char header[kHeaderMax];
  record_.append(
      header, static_cast<std::size_t>(StoreHeader(header, keyspace, kind, key.size()) - header));
  record_.append(key);
  if (kind == EntryKind::kDelete) return;
  AppendVarint(&record_, value.size());
  record_.append(value);
}

std::size_t WriteBatch::AddExpiring(KeyspaceId keyspace, std::string_view key,
                                    std::string_view value, Expiry expiry) {
  char header[kHeaderMax];
  char* const end = StoreHeader(header, keyspace, EntryKind::kExpiringPut, key.size());
  record_.append(header, static_cast<std::size_t>(end - header));
  record_.append(key);
  AppendVarint(&record_, kExpiryBytes + value.size());
  const std::size_t offset = record_.size();
  record_.resize(offset + kExpiryBytes);
  StoreExpiry(record_.data() + offset, expiry, /*is_separated=*/false);
  record_.append(value);
  return offset;
}

void WriteBatch::PutUntil(std::string_view key, std::string_view value, Expiry expiry,
                          KeyspaceId keyspace) {
  AddExpiring(keyspace, key, value, expiry);
}

void WriteBatch::PutFor(std::string_view key, std::string_view value, absl::Duration time_to_live,
                        KeyspaceId keyspace) {
  lifetimes_.push_back({AddExpiring(keyspace, key, value, kNeverExpires), time_to_live});
}

std::string WriteBatch::RecordAt(absl::Time now) const {
  std::string record = record_;
  for (const Lifetime& lifetime : lifetimes_) {
    StoreExpiry(record.data() + lifetime.offset, ExpiryAfter(now, lifetime.time_to_live),
                /*is_separated=*/false);
  }
  return record;
}

void WriteBatch::Clear() {
  record_.clear();
  lifetimes_.clear();
}

absl::Status DecodeBatch(std::string_view record, std::vector<Mutation>* mutations) {
  ByteReader reader(record);
  bool has_ranges = false;
  while (reader.remaining() > 0) {
    Mutation mutation;
    const bool is_known = ParseTag(reader.ReadVarint64(), &mutation);
    mutation.key = reader.ReadLengthPrefixed();
    if (mutation.kind != EntryKind::kDelete) mutation.value = reader.ReadLengthPrefixed();
    has_ranges |= mutation.kind == EntryKind::kDeleteRange;
    if (!reader.ok() || !is_known) {
      return DataLossError("a record of ", record.size(), " bytes is not a batch of mutations");
    }
    mutations->push_back(mutation);
  }
  if (has_ranges) AURORA_RETURN_IF_ERROR(RemoveDeleted(mutations));
  return RemoveReplaced(mutations);
}

class KvStore::Handler final : public RecordHandler {
 public:
  absl::StatusOr<RecordFacts> FactsOf(std::string_view record) override {
    std::vector<Mutation> mutations;
    AURORA_RETURN_IF_ERROR(DecodeBatch(record, &mutations));
    RecordFacts facts;
    for (const Mutation& mutation : mutations) {
      if (mutation.kind == EntryKind::kSeparatedPut) facts.claims.push_back(mutation.value);
    }
    return facts;
  }
  absl::Status Replay(Sequence, std::string_view record,
                      std::vector<Mutation>* mutations) override {
    return DecodeBatch(record, mutations);
  }
  std::string SaveState() override { return ""; }
  absl::Status RestoreState(std::string_view state) override {
    return FailedPreconditionError("the database was not written as a plain key-value store (",
                                   state.size(), " bytes of state)");
  }
};

KvStore::KvStore(Environment* environment)
    : environment_(environment), handler_(std::make_unique<Handler>()) {}
KvStore::~KvStore() = default;

Task<absl::StatusOr<std::unique_ptr<KvStore>>> KvStore::Open(Environment& environment,
                                                             StoreOptions options) {
  std::unique_ptr<KvStore> kv(new KvStore(&environment));
  kv->time_to_live_ = options.time_to_live;
  AURORA_CO_ASSIGN(kv->store_,
                   co_await Store::Open(environment, std::move(options), *kv->handler_));
  co_return kv;
}

Task<absl::Status> KvStore::Close() { return store_->Close(); }

Task<absl::StatusOr<CommitResult>> KvStore::WriteOne(const Mutation& mutation,
                                                     std::optional<Durability> durability) {
  char header[kHeaderMax];
  char size[kMaxVarint64Bytes];
  std::string_view parts[4];
  parts[0] = {header, static_cast<std::size_t>(StoreHeader(header, mutation.keyspace, mutation.kind,
                                                           mutation.key.size()) -
                                               header)};
  parts[1] = mutation.key;
  std::size_t count = 2;
  if (mutation.kind != EntryKind::kDelete) {
    parts[2] = {size, static_cast<std::size_t>(StoreVarint(size, mutation.value.size()) - size)};
    parts[3] = mutation.value;
    count = 4;
  }
  CommitRequest request;
  request.record = std::span<const std::string_view>(parts, count);
  request.mutations = std::span<const Mutation>(&mutation, 1);
  request.durability = durability;
  return store_->Commit(request);
}

Task<absl::StatusOr<CommitResult>> KvStore::Put(std::string_view key, std::string_view value,
                                                std::optional<Durability> durability) {
  if (AURORA_UNLIKELY(!time_to_live_.empty())) {
    WriteBatch batch;
    batch.Put(key, value);
    return Write(batch, durability);
  }
  return WriteOne({0, EntryKind::kPut, key, value}, durability);
}

Task<absl::StatusOr<CommitResult>> KvStore::PutFor(std::string_view key, std::string_view value,
                                                   absl::Duration time_to_live,
                                                   std::optional<Durability> durability) {
  WriteBatch batch;
  batch.PutFor(key, value, time_to_live);
  return Write(batch, durability);
}

Task<absl::StatusOr<CommitResult>> KvStore::Delete(std::string_view key,
                                                   std::optional<Durability> durability) {
  return WriteOne({0, EntryKind::kDelete, key, {}}, durability);
}

Task<absl::StatusOr<CommitResult>> KvStore::DeleteRange(std::string_view begin,
                                                        std::string_view end,
                                                        std::optional<Durability> durability) {
  return WriteOne({0, EntryKind::kDeleteRange, begin, end}, durability);
}

Task<absl::StatusOr<CommitResult>> KvStore::Ingest(TableFiles tables) {
  return store_->Ingest(CommitRequest(), tables);
}

absl::StatusOr<std::string> KvStore::RecordOf(const WriteBatch& batch) const {
  const absl::Time now = environment_->clock().Now();
  std::string record = batch.RecordAt(now);
  if (time_to_live_.empty()) return record;
  std::vector<Mutation> mutations;
  AURORA_RETURN_IF_ERROR(DecodeBatch(record, &mutations));
  WriteBatch timed;
  for (const Mutation& each : mutations) {
    const auto found = time_to_live_.find(each.keyspace);
    if (each.kind != EntryKind::kPut || found == time_to_live_.end()) {
      timed.Add(each.keyspace, each.kind, each.key, each.value);
    } else {
      timed.PutUntil(each.key, each.value, ExpiryAfter(now, found->second), each.keyspace);
    }
  }
  return timed.record();
}

Task<absl::StatusOr<CommitResult>> KvStore::Write(const WriteBatch& batch,
                                                  std::optional<Durability> durability,
                                                  OperationProfile* profile) {
  std::string timed;
  std::string_view record = batch.record();
  if (AURORA_UNLIKELY(!batch.lifetimes_.empty() || !time_to_live_.empty())) {
    absl::StatusOr<std::string> made = RecordOf(batch);
    if (!made.ok()) return absl::StatusOr<CommitResult>(made.status());
    record = timed = *std::move(made);
  }
  std::vector<Mutation> mutations;
  if (absl::Status status = DecodeBatch(record, &mutations); !status.ok()) {
    return absl::StatusOr<CommitResult>(std::move(status));
  }
  CommitRequest request;
  request.record = std::span<const std::string_view>(&record, 1);
  request.mutations = mutations;
  request.durability = durability;
  request.profile = profile;
  return store_->Commit(request);
}

}  // namespace aurora::lsm
