// Puts the rows of a file into a collection, and knows at every moment how far it came.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/engine/database.h"
#include "aurora/tools/commands/row_reader.h"

namespace aurora::tools {

struct Rejection {
  std::uint64_t line = 0;
  std::string reason;  // for a line that is no JSON with the column
};

class Importer {
 public:
  struct Settings {
    std::string collection;
    // Of a collection that is created.
    std::vector<std::string> indexed;
    std::vector<std::string> unique;
    std::size_t sample = 20'000;  // rows from which the schema is inferred
    std::size_t batch = 1000;     // rows in a commit, at most
    bool skip_errors = false;
  };
  // Called as things happen, in their order.
  struct Events {
    std::function<void(const Schema&, std::uint64_t sample)> created;
    std::function<void(const Rejection&)> rejected;
    // After each commit; `position_bytes` as in Row.
    std::function<void(std::uint64_t position_bytes)> committed;
  };

  // All must outlive it.
  Importer(Database& database, RowReader& reader, const Settings& settings, const Events& events)
      : database_(database), reader_(reader), settings_(settings), events_(events) {}

  // Imports until the end of the file, a row that is rejected (unless those are skipped), a failure
  // or an interruption (Cancelled). Whatever the result, what is counted below is committed, and
  // nothing else is.
  absl::Status Run();

  std::uint64_t imported() const { return imported_; }
  std::uint64_t rejected() const { return rejected_; }
  // The line behind the last that was dealt with: from there another import goes on.
  std::uint64_t next_line() const { return next_line_; }

 private:
  absl::Status CheckAttributes(const Schema& schema) const;
  absl::Status CreateCollection();
  absl::Status ReadRows(std::size_t count);
  absl::Status InsertRows();
  // The rows [begin, end) as one commit.
  absl::Status Insert(std::size_t begin, std::size_t end);
  absl::Status Reject(std::uint64_t line, const absl::Status& why);

  Database& database_;
  RowReader& reader_;
  const Settings& settings_;
  const Events& events_;
  std::vector<Row> rows_;  // read, and not yet inserted
  // Why no more is read; after that, what was read is still inserted.
  absl::Status stopped_;
  bool ended_ = false;
  std::size_t window_ = 0;
  std::uint64_t imported_ = 0;
  std::uint64_t rejected_ = 0;
  std::uint64_t next_line_ = 1;
};

}  // namespace aurora::tools
