// Values of several sizes on one engine. tools/bench.sh values runs this for each engine and
// compares.
#include "aurora/bench/workloads/kv_program.h"
#include "aurora/bench/workloads/kv_suite.h"

int main(int argc, char** argv) {
  aurora::bench::KvProgram program;
  program.suite = "values";
  program.about = "Values of 100 bytes, 1 KiB and 16 KiB.";
  program.run = aurora::bench::RunValuesSuite;
  return aurora::bench::RunKvProgram(argc, argv, program);
}
