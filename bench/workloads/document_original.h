// The workloads for which the original Aurora, a Rust crate, has published figures.
#pragma once

#include "aurora/bench/workloads/document_engine.h"
#include "aurora/bench/workloads/kv_workload.h"
#include "aurora/bench/workloads/report.h"

namespace aurora::bench {

// Runs them on one engine.
void RunOriginalWorkloads(const KvSettings& settings, DocumentOpener open, Report* report);

// A row for each published figure, of an engine called "original (published)". They come from other
// hardware.
void AddOriginalFigures(Report* report);

}  // namespace aurora::bench
