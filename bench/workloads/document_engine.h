// A store of users with indices, as the document workloads see it: Aurora and its peers, doing the
// same work at the same durability.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aurora/bench/workloads/document_users.h"
#include "aurora/engine/document/uuid.h"

namespace aurora::bench {

// Which fields have an index. Emails are unique in all.
enum class UserIndices : std::uint8_t {
  kEmail,
  kEmailAndAge,
  kQueried,  // and city, status, score: all that the workloads ask for
  kAll,      // and name, bio
};

struct DocumentOptions {
  std::string directory;
  // For everything that the engine keeps in memory.
  std::size_t memory_bytes = 1u << 30;
  // Every commit is on the device when it is acknowledged; else it survives the process.
  bool synced = false;
  // What is read comes from the device: little memory, and past the page cache where the engine
  // can.
  bool cold = false;
  UserIndices indices = UserIndices::kQueried;
};

// Of a user that was found, in full: what the workloads look at.
struct FoundUser {
  double score = 0;
  std::size_t bio_bytes = 0;
};

// Every failure ends the program with a message. Not thread-safe. Scores tell which users were
// found.
class DocumentEngine {
 public:
  virtual ~DocumentEngine() = default;  // closes

  // In a commit of its own. The id that the user got.
  virtual Uuid Insert(const User& user) = 0;
  // In one commit. Appends the ids.
  virtual void InsertBatch(std::span<const User> users, std::vector<Uuid>* ids) = 0;
  virtual std::optional<FoundUser> Get(const Uuid& id) = 0;
  virtual std::optional<FoundUser> FindByEmail(std::string_view email) = 0;
  // At most `limit`, which is always the same. By a query that is kept, and by one that is made for
  // the call.
  virtual std::vector<double> FindByCity(std::uint32_t city, std::size_t limit) = 0;
  virtual std::vector<double> FindByCityAnew(std::uint32_t city, std::size_t limit) = 0;
  virtual std::vector<double> FindByStatus(std::uint32_t status) = 0;
  virtual std::uint64_t Count(const UserCondition& condition) = 0;
  // Of the status and ages, the `limit` highest scores, the highest first.
  virtual std::vector<double> Best(const UserCondition& condition, std::size_t limit) = 0;
  virtual std::vector<StatusAverage> Averages(std::uint32_t city) = 0;
  // How many users have `text` in their bio, which has no index.
  virtual std::uint64_t CountInBios(std::string_view text) = 0;
  // Of every user. The sum of the scores.
  virtual double Scan(std::uint64_t* users) = 0;
  // Each in a commit of its own; false if there is no such user.
  virtual bool UpdateAge(std::string_view email, std::uint32_t age) = 0;
  virtual bool Delete(std::string_view email) = 0;
  // Pays all debt, so that the files hold what they need.
  virtual void Settle() = 0;
};

using DocumentOpener = std::unique_ptr<DocumentEngine> (*)(const DocumentOptions&);
std::unique_ptr<DocumentEngine> OpenAuroraDocuments(const DocumentOptions& options);
std::unique_ptr<DocumentEngine> OpenSqliteDocuments(const DocumentOptions& options);
// With their own defaults for memory and, in SQLite, for durability.
std::unique_ptr<DocumentEngine> OpenAuroraDocumentsAtDefaults(const DocumentOptions& options);
std::unique_ptr<DocumentEngine> OpenSqliteDocumentsAtDefaults(const DocumentOptions& options);
// With the compound indices that serve the workloads best, instead of those of kQueried.
std::unique_ptr<DocumentEngine> OpenSqliteDocumentsCompound(const DocumentOptions& options);

}  // namespace aurora::bench
