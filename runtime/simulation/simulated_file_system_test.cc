#include "aurora/runtime/simulation/simulated_file_system.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aurora/runtime/file.h"
#include "aurora/runtime/file_conformance.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/task.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

class SimulatedMachine final : public FileConformanceMachine {
 public:
  SimulatedMachine() { EXPECT_TRUE(simulation_.Run(files().CreateDirectory("/root")).ok()); }
  FileSystem& files() override { return simulation_.files(); }
  std::string root() override { return "/root"; }
  void RunAll(std::vector<Task<void>> tasks) override { simulation_.RunAll(std::move(tasks)); }
  bool real() const override { return false; }

 private:
  Simulation simulation_{1};
};

INSTANTIATE_TEST_SUITE_P(Simulated, FileConformanceTest, testing::ValuesIn(FileConformanceCases([] {
                           return std::make_unique<SimulatedMachine>();
                         })),
                         FileConformanceCaseName);

}  // namespace
}  // namespace aurora
