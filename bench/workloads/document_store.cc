#include "aurora/bench/workloads/document_store.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <optional>

namespace aurora::bench {
namespace {

constexpr std::uint64_t kBatch = 1000;

}  // namespace

std::string DocumentRows::ProcessorNote(double seconds) {
  char note[64];
  std::snprintf(note, sizeof note, "%.3g us of processors each", seconds * 1e6);
  return note;
}

DocumentStore::DocumentStore(DocumentOpener open, DocumentOptions options)
    : open_(open), options_(std::move(options)) {
  std::filesystem::remove_all(options_.directory);
  Open();
}

DocumentStore::~DocumentStore() {
  Close();
  std::filesystem::remove_all(options_.directory);
}

void DocumentStore::Insert() {
  const User user(ids_.size());
  ids_.push_back(engine_->Insert(user));
  model_.GrowTo(ids_.size());
}

void DocumentStore::InsertBatch(std::uint64_t count) {
  std::vector<User> users;
  users.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) users.emplace_back(ids_.size() + i);
  engine_->InsertBatch(users, &ids_);
  model_.GrowTo(ids_.size());
}

void DocumentStore::GrowTo(std::uint64_t users) {
  while (ids_.size() < users) InsertBatch(std::min(kBatch, users - ids_.size()));
}

void DocumentStore::Open(bool cold) {
  DocumentOptions options = options_;
  options.cold = cold;
  engine_ = open_(options);
}

bool DocumentStore::HoldsAll() {
  std::uint64_t users = 0;
  const double sum = engine_->Scan(&users);
  const double expected = model_.SumOfScores();
  return users == model_.live() && std::abs(sum - expected) <= 1e-9 * expected;
}

bool DocumentStore::Has(std::uint64_t number) {
  const std::optional<FoundUser> found = engine_->Get(ids_[number]);
  return found.has_value() && found->score == model_[number].score && found->bio_bytes == kBioBytes;
}

}  // namespace aurora::bench
