// The document workloads, run on one engine. What each row means: docs/benchmarks.md.
#pragma once

#include "aurora/bench/workloads/document_engine.h"
#include "aurora/bench/workloads/kv_workload.h"
#include "aurora/bench/workloads/report.h"

namespace aurora::bench {

// Inserts, reads, queries, changes, opening, memory and space; each row finds what those before it
// left.
void RunDocumentSuite(const KvSettings& settings, DocumentOpener open, Report* report);

// The main ones of those as the number of users grows, from ten thousand to ten million.
void RunDocumentGrowth(const KvSettings& settings, DocumentOpener open, Report* report);

// The two rows of gets on a plain key-value engine, settings.open: keys and values as large as ids
// and documents.
void RunRawGets(const KvSettings& settings, Report* report);

}  // namespace aurora::bench
