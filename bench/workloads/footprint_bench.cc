// What an engine costs that does nothing: size of the program, time to open, memory, wake-ups.
// tools/bench.sh footprint runs this for each engine and compares.
#include <elf.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "aurora/bench/workloads/kv_engine.h"
#include "aurora/bench/workloads/kv_program.h"
#include "aurora/bench/workloads/kv_workload.h"
#include "aurora/bench/workloads/report.h"

namespace aurora::bench {
namespace {

constexpr double kIdleSeconds = 10;
constexpr double kFullIdleSeconds = 60;
constexpr std::string_view kDefaults = "-default";

// What a program printed.
struct Printed {
  std::map<std::string, double> values;
  std::set<std::string> objects;
};

Printed RunProgram(const std::string& command) {
  Printed printed;
  FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) KvFail(command, "popen", "failed");
  std::array<char, 4096> line;
  while (std::fgets(line.data(), line.size(), pipe) != nullptr) {
    std::string text = line.data();
    if (!text.empty() && text.back() == '\n') text.pop_back();
    const std::size_t space = text.find(' ');
    if (space == std::string::npos) continue;
    const std::string name = text.substr(0, space);
    if (name == "object") {
      printed.objects.insert(text.substr(space + 1));
    } else {
      printed.values[name] = std::stod(text.substr(space + 1));
    }
  }
  if (::pclose(pipe) != 0) KvFail(command, "exit code", "not 0");
  return printed;
}

// The bytes of an ELF file that `strip` would leave, but for headers: the sections that are loaded.
std::uint64_t StrippedBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  Elf64_Ehdr header;
  if (!file.read(reinterpret_cast<char*>(&header), sizeof header) ||
      std::string_view(reinterpret_cast<const char*>(header.e_ident), SELFMAG) != ELFMAG) {
    KvFail(path, "read", "no ELF file");
  }
  std::vector<Elf64_Shdr> sections(header.e_shnum);
  file.seekg(static_cast<std::streamoff>(header.e_shoff));
  file.read(reinterpret_cast<char*>(sections.data()),
            static_cast<std::streamsize>(sections.size() * sizeof(Elf64_Shdr)));
  if (!file) KvFail(path, "read", "its sections are cut off");
  std::uint64_t bytes = 0;
  for (const Elf64_Shdr& section : sections) {
    if ((section.sh_flags & SHF_ALLOC) != 0 && section.sh_type != SHT_NOBITS) {
      bytes += section.sh_size;
    }
  }
  return bytes;
}

std::string ProgramOf(std::string engine) {
  std::transform(engine.begin(), engine.end(), engine.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  return (self.parent_path() / ("footprint_program_" + engine)).string();
}

void AddSize(const KvRows& rows, const std::string& program, const std::set<std::string>& objects) {
  const std::string bare = ProgramOf("none");
  std::uint64_t bytes = StrippedBytes(program) - StrippedBytes(bare);
  const std::set<std::string> loaded_anyway = RunProgram(bare).objects;
  int shared = 0;
  for (const std::string& object : objects) {
    if (loaded_anyway.contains(object)) continue;
    bytes += StrippedBytes(object);
    ++shared;
  }
  rows.AddAmount("size added to a program", static_cast<double>(bytes), "bytes",
                 "in it, and in " + std::to_string(shared) + " shared objects that it loads");
}

void Run(const KvSettings& settings, Report* report) {
  const KvRows rows("footprint", settings.engine, report);
  std::string engine = settings.engine;
  const bool at_defaults = engine.ends_with(kDefaults);
  if (at_defaults) engine.resize(engine.size() - kDefaults.size());
  const std::string program = ProgramOf(engine);
  const double seconds = (settings.full ? kFullIdleSeconds : kIdleSeconds) * settings.scale;
  std::filesystem::remove_all(settings.directory);
  const auto run = [&](const std::string& part) {
    return RunProgram("'" + program + "' " + part + " '" + settings.directory + "' " +
                      std::to_string(seconds) + (at_defaults ? " defaults" : " tuned"));
  };
  Printed opening = run("open");
  Printed idle = run("idle");
  std::filesystem::remove_all(settings.directory);

  AddSize(rows, program, idle.objects);
  for (const std::string size : {"empty", "small"}) {
    for (const std::string what : {"open", "close"}) {
      rows.AddDuration(what + ", " + size, opening.values.at(what + "_" + size + "_us") / 1e6);
    }
  }
  rows.AddAmount("memory, open and idle", std::max(0.0, idle.values.at("resident_bytes")), "bytes");
  rows.AddAmount("threads, open and idle", idle.values.at("threads"), "threads");
  rows.AddAmount("files, open and idle", idle.values.at("files"), "files");
  const std::string note = "in " + std::to_string(static_cast<int>(seconds)) + " s";
  rows.AddAmount("wake-ups, open and idle", idle.values.at("wake_ups_per_second"), "/s", note);
  rows.AddAmount("wake-ups of the kernel's io_uring threads",
                 idle.values.at("kernel_wake_ups_per_second"), "/s", note);
}

}  // namespace
}  // namespace aurora::bench

int main(int argc, char** argv) {
  aurora::bench::KvProgram program;
  program.suite = "footprint";
  program.about = "What an engine costs that does nothing.";
  program.run = aurora::bench::Run;
  return aurora::bench::RunKvProgram(argc, argv, program);
}
