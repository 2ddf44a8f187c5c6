#include <poll.h>

#include <atomic>
#include <csignal>
#include <future>
#include <memory>
#include <optional>
#include <ostream>
#include <stop_token>
#include <string>
#include <utility>
#include <variant>

#include "aurora/lsm/store_events.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/status.h"
#include "aurora/tools/commands/commands.h"
#include "aurora/tools/commands/session.h"
#include "aurora/tools/interrupt.h"
#include "aurora/tools/progress_bar.h"
#include "aurora/tools/text_table.h"

namespace aurora::tools {
namespace {

// How far the compaction is, as its events tell.
class Progress final : public EventListener {
 public:
  void OnEvent(const StoreEvent& event) override {
    if (const auto* const begun = std::get_if<lsm::CompactionBegun>(&event.what)) {
      if (!begun->is_move) input_bytes_ = begun->input_bytes;
      written_bytes_ = 0;
    } else if (const auto* const table = std::get_if<lsm::TableCreated>(&event.what)) {
      if (table->level > 0) written_bytes_ += table->bytes;
    }
  }
  std::uint64_t input_bytes() const { return input_bytes_; }
  std::uint64_t written_bytes() const { return written_bytes_; }

 private:
  std::atomic<std::uint64_t> input_bytes_{0};
  std::atomic<std::uint64_t> written_bytes_{0};
};

struct Sizes {
  std::uint64_t tables = 0;
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
};

Sizes SizesOf(const Database& database) {
  Sizes sizes;
  for (const lsm::LevelStats& level : database.Stats().store.levels) {
    sizes.tables += static_cast<std::uint64_t>(level.table_count);
    sizes.entries += level.entry_count;
    sizes.bytes += level.bytes;
  }
  return sizes;
}

// Compacts, shows how far it is, and gives it up at Ctrl-C.
absl::Status CompactAndShow(Database& database, const Progress& progress, const Streams& streams) {
  std::stop_source stop;
  std::future<absl::Status> compaction =
      std::async(std::launch::async, [&] { return BlockOn(database.Compact(stop.get_token())); });
  std::optional<ProgressBar> bar;
  while (compaction.wait_for(std::chrono::milliseconds(50)) != std::future_status::ready) {
    if (InterruptScope::Signal() != 0) stop.request_stop();
    if (!bar.has_value() && progress.input_bytes() > 0) {
      bar.emplace(streams.err, streams.err_terminal, "compacting", "byte", progress.input_bytes());
    }
    if (bar.has_value()) bar->Update(progress.written_bytes(), progress.written_bytes());
  }
  return compaction.get();
}

Object ToObject(const Sizes& before, const Sizes& after) {
  return Object{{"tables_before", Number(before.tables)},   {"tables", Number(after.tables)},
                {"entries_before", Number(before.entries)}, {"entries", Number(after.entries)},
                {"bytes_before", Number(before.bytes)},     {"bytes", Number(after.bytes)}};
}

void Print(const Sizes& before, const Sizes& after, const Streams& streams) {
  TextTable table({"", "tables", "entries", "size"});
  table.Add({"before", Grouped(before.tables), Grouped(before.entries), HumanBytes(before.bytes)});
  table.Add({"after", Grouped(after.tables), Grouped(after.entries), HumanBytes(after.bytes)});
  streams.out << table.ToString(streams.out_terminal);
}

ExitCode RunCompact(const std::string& path, bool json, const Streams& streams) {
  const InterruptScope interrupt;
  auto progress = std::make_shared<Progress>();
  Options options = ExistingOnly();
  options.event_listener = progress;
  return WithDatabase(path, options, streams, [&](Database& database) -> absl::StatusOr<ExitCode> {
    AURORA_RETURN_IF_ERROR(database.Flush().Wait());
    const Sizes before = SizesOf(database);
    const absl::Status compacted = CompactAndShow(database, *progress, streams);
    if (absl::IsCancelled(compacted) && InterruptScope::Signal() != 0) {
      streams.err << "stopped; the database is as good as before\n";
      return InterruptScope::Signal() == SIGTERM ? ExitCode::kTerminated : ExitCode::kInterrupted;
    }
    AURORA_RETURN_IF_ERROR(compacted);
    const Sizes after = SizesOf(database);
    json ? PrintJson(ToObject(before, after), streams) : Print(before, after, streams);
    return ExitCode::kOk;
  });
}

}  // namespace

void AddCompact(CommandLine& line) {
  const auto path = std::make_shared<std::string>();
  const auto json = std::make_shared<bool>(false);
  CLI::App& app =
      line.Add("compact", "Merges all tables, so that what was replaced gives back its space",
               [path, json](Streams streams) { return RunCompact(*path, *json, streams); });
  app.add_option("database", *path, "The directory of the database")->required();
  app.add_flag("--json", *json, "The result as one JSON object");
  app.footer(
      "Reads and writes the whole database, and needs as much space again while it works. A "
      "running\n"
      "database compacts by itself as it is written to; this is for after large deletes, and "
      "before\n"
      "a database is only read. Ctrl-C stops it at once; nothing is lost.\n\n"
      "Examples:\n"
      "  aurora-tool compact shop.aurora\n"
      "  aurora-tool compact shop.aurora --json | jq .bytes\n");
}

}  // namespace aurora::tools
