#include "aurora/lsm/open_files_campaign_testing.h"

#include <cerrno>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/pinned_value.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/environment_with_files.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/forwarding_file_system.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/simulation/simulated_file_system.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {
namespace {

// As many as the log, the manifest and what is done at once may take, and some tables.
constexpr std::size_t kFewDescriptors = 40;

// A machine on which only so many files, regions and locks may be open.
class FewDescriptors final : public ForwardingFileSystem {
 public:
  FewDescriptors(SimulatedFileSystem& files, std::size_t count)
      : ForwardingFileSystem(files), files_(files), count_(count) {}

  Task<absl::StatusOr<std::unique_ptr<File>>> Open(std::string path, OpenOptions options) override {
    AURORA_CO_RETURN_IF_ERROR(Take("open", path));
    co_return co_await base().Open(std::move(path), options);
  }
  Task<absl::StatusOr<std::vector<DirectoryEntry>>> List(std::string path) override {
    AURORA_CO_RETURN_IF_ERROR(Take("list", path));
    co_return co_await base().List(std::move(path));
  }
  Task<absl::Status> SyncDirectory(std::string path) override {
    AURORA_CO_RETURN_IF_ERROR(Take("sync of directory", path));
    co_return co_await base().SyncDirectory(std::move(path));
  }
  std::uint64_t refused_count() const { return refused_count_; }

 private:
  absl::Status Take(std::string_view what, const std::string& path) {
    if (files_.Handles().size() < count_) return absl::OkStatus();
    ++refused_count_;
    return SystemError(EMFILE, what, path);
  }

  SimulatedFileSystem& files_;
  const std::size_t count_;
  std::uint64_t refused_count_ = 0;
};

StoreOptions OptionsOf(Durability durability, std::size_t open_files_max) {
  StoreOptions options = SmallStoreOptions("/db", durability);
  options.table_bytes = 1024;
  options.block_cache_bytes = 2048;  // so that most of what is read is read from files
  options.open_files_max = open_files_max;
  return options;
}

// Of a keyspace that the model leaves alone: two keys fill a table, so that there are more tables
// than descriptors.
constexpr KeyspaceId kOtherKeyspace = 9;
constexpr int kOtherKeys = 200;

std::string OtherValue(int number) {
  SeededRandom random(static_cast<std::uint64_t>(number) + 1);
  std::string value(800, ' ');  // that no compression makes smaller
  for (char& byte : value) byte = static_cast<char>(random.Below(256));
  return value;
}

Task<absl::Status> PutOthers(KvStore* store) {
  for (int i = 0; i < kOtherKeys; ++i) {
    WriteBatch batch;
    batch.Put(StrCat("other", i), OtherValue(i), kOtherKeyspace);
    AURORA_CO_RETURN_IF_ERROR((co_await store->Write(batch)).status());
  }
  co_return co_await store->store().Compact();
}

Task<absl::Status> CheckOthers(KvStore* store) {
  for (int i = 0; i < kOtherKeys; ++i) {
    const std::string key = StrCat("other", i);
    AURORA_CO_ASSIGN(const std::optional<PinnedValue> value,
                     co_await store->store().Get(kOtherKeyspace, key));
    if (!value.has_value() || value->view() != OtherValue(i)) {
      co_return InternalError(key, " is not what was put");
    }
  }
  co_return absl::OkStatus();
}

Task<absl::Status> GetAllAtOnce(KvStore* store) {
  std::vector<std::string> keys;
  std::vector<std::string> values;
  const std::unique_ptr<Iterator> entries = store->store().NewIterator(0, IterateOptions());
  AURORA_CO_RETURN_IF_ERROR(co_await entries->SeekToFirst());
  while (entries->Valid()) {
    keys.emplace_back(entries->key());
    values.emplace_back(entries->value());
    AURORA_CO_RETURN_IF_ERROR(co_await entries->Next());
  }
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  AURORA_CO_ASSIGN(const auto found, co_await store->GetMany(views));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (found[i].has_value() && found[i]->view() == values[i]) continue;
    co_return InternalError("GetMany does not find what an iterator has found under ",
                            Quoted(keys[i]));
  }
  co_return absl::OkStatus();
}

// `bound`: 0, or how many files may be open once nobody reads.
Task<absl::Status> Live(StoreModel* model, Environment* environment, int steps, std::size_t bound,
                        std::uint64_t* reopened) {
  AURORA_CO_RETURN_IF_ERROR(co_await model->Open(environment));
  AURORA_CO_RETURN_IF_ERROR(co_await PutOthers(&model->store()));
  for (int i = 0; i < steps; i += 20) {
    AURORA_CO_RETURN_IF_ERROR(co_await model->Steps(20));
    AURORA_CO_RETURN_IF_ERROR(co_await model->store().store().WaitIdle());
    const std::size_t open = model->store().store().Stats().open_files;
    if (bound != 0 && open > bound) {
      co_return InternalError(open, " files are open, and ", bound, " may be");
    }
  }
  AURORA_CO_RETURN_IF_ERROR(co_await model->CheckAll());
  AURORA_CO_RETURN_IF_ERROR(co_await CheckOthers(&model->store()));
  AURORA_CO_RETURN_IF_ERROR(co_await GetAllAtOnce(&model->store()));
  *reopened += model->store().store().Stats().files_reopened;
  co_return co_await model->Close();
}

absl::Status Conclude(Simulation* simulation, StoreModel* model, const absl::Status& status,
                      std::uint64_t seed) {
  if (model->is_open()) {
    const absl::Status ignored = simulation->Run(model->Close());
    static_cast<void>(ignored);
  }
  if (status.ok()) return status;
  return InternalError(ToStd(status.ToString()), "; seed ", seed);
}

}  // namespace

absl::Status RunWithFewFiles(std::uint64_t seed, Durability durability, int steps) {
  const std::size_t bound = 2 + seed % 3;
  Simulation simulation(seed);
  StoreModel model(seed, OptionsOf(durability, bound));
  std::uint64_t reopened = 0;
  absl::Status status;
  for (int life = 0; life < 2 && status.ok(); ++life) {
    status = simulation.Run(Live(&model, &simulation.environment(), steps, bound, &reopened));
  }
  if (status.ok() && reopened == 0) status = InternalError("no file was opened again");
  return Conclude(&simulation, &model, status, seed);
}

absl::Status RunWithFewDescriptors(std::uint64_t seed, Durability durability, int steps) {
  Simulation simulation(seed);
  FewDescriptors files(simulation.files(), kFewDescriptors);
  EnvironmentWithFiles environment(simulation.environment(), files);
  StoreModel model(seed, OptionsOf(durability, 1000));
  std::uint64_t reopened = 0;
  absl::Status status;
  for (int life = 0; life < 2 && status.ok(); ++life) {
    status = simulation.Run(Live(&model, &environment, steps, /*bound=*/0, &reopened));
  }
  if (status.ok() && files.refused_count() == 0) {
    status = InternalError("the store never ran out of descriptors");
  }
  return Conclude(&simulation, &model, status, seed);
}

namespace {

Task<absl::Status> FillAndFlush(KvStore* store, int round) {
  for (int i = 0; i < 60; ++i) {
    const std::string key = StrCat("key", i);
    const std::string value(200 + 900 * static_cast<std::size_t>(i % 3),
                            static_cast<char>('a' + round));
    AURORA_CO_RETURN_IF_ERROR((co_await store->Put(key, value)).status());
  }
  AURORA_CO_RETURN_IF_ERROR(co_await store->store().Flush());
  AURORA_CO_RETURN_IF_ERROR(co_await store->store().Compact());
  co_return co_await store->store().WaitIdle();
}

Task<absl::Status> CheckRound(KvStore* store, int round) {
  for (int i = 0; i < 60; ++i) {
    const std::string key = StrCat("key", i);
    AURORA_CO_ASSIGN(const std::optional<PinnedValue> value, co_await store->Get(key));
    if (!value.has_value() || value->view().front() != 'a' + round) {
      co_return InternalError("the reader does not find what was there when it was opened");
    }
  }
  co_return absl::OkStatus();
}

Task<absl::Status> ReadRemoved(Environment* environment) {
  StoreOptions options = OptionsOf(Durability::kSync, 1);
  AURORA_CO_ASSIGN(const std::unique_ptr<KvStore> writer,
                   co_await KvStore::Open(*environment, options));
  absl::Status status = co_await FillAndFlush(writer.get(), 0);
  options.read_only = true;
  absl::StatusOr<std::unique_ptr<KvStore>> reader = co_await KvStore::Open(*environment, options);
  if (status.ok()) status = reader.status();
  if (status.ok()) status = co_await FillAndFlush(writer.get(), 1);
  if (reader.ok()) {
    if (status.ok()) status = co_await CheckRound(reader->get(), 0);
    AURORA_CO_RETURN_IF_ERROR(co_await (*reader)->Close());
  }
  const absl::Status closed = co_await writer->Close();
  co_return status.ok() ? closed : status;
}

}  // namespace

absl::Status RunReaderOfRemovedFiles(std::uint64_t seed) {
  Simulation simulation(seed);
  return simulation.Run(ReadRemoved(&simulation.environment()));
}

}  // namespace aurora::lsm
