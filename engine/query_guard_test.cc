#include "aurora/engine/query_guard.h"

#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "aurora/engine/database.h"
#include "aurora/engine/database_testing.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

class QueryGuardTest : public SimulatedDatabaseTest {
 protected:
  QueryGuardTest() {
    EXPECT_TRUE(
        simulation_
            .Run(db_.CreateCollection("things", Schema().Int64("n", kIndexed).Int64("plain")))
            .ok());
    std::vector<Object> things;
    for (int i = 0; i < 5000; ++i) things.push_back({{"n", i}, {"plain", i}});
    EXPECT_TRUE(simulation_.Run(db_.InsertMany("things", std::move(things))).ok());
  }

  // A scan, a range of a wide index, a walk, groups: all that may take long.
  std::vector<Query> Queries() {
    return {db_.Query("things").Where(Field("plain") >= 0),
            db_.Query("things").Where(Field("n") >= 0 && Field("plain") >= 0),
            db_.Query("things").Where(Field("plain") < 0).OrderBy("n").Limit(1)};
  }
  absl::Status Run(Query query, QueryLimits limits) {
    return simulation_.Run(query.WithLimits(std::move(limits)).Collect()).status();
  }
};

TEST_F(QueryGuardTest, AQueryEndsWhenItIsCancelled) {
  std::stop_source stop;
  for (const Query& query : Queries()) {
    EXPECT_TRUE(Run(query, {.stop = stop.get_token()}).ok());
  }
  stop.request_stop();
  for (const Query& query : Queries()) {
    EXPECT_TRUE(absl::IsCancelled(Run(query, {.stop = stop.get_token()})));
  }
}

TEST_F(QueryGuardTest, AQueryEndsWithItsTime) {
  for (const Query& query : Queries()) {
    const absl::Status status = Run(query, {.timeout = absl::ZeroDuration()});
    EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
    EXPECT_TRUE(Run(query, {.timeout = absl::Hours(1)}).ok());
  }
}

TEST_F(QueryGuardTest, AQueryEndsWithWhatItMayRead) {
  for (const Query& query : Queries()) {
    const absl::Status status = Run(query, {.documents_read = 4999});
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    EXPECT_NE(std::string(status.message()).find("4999"), std::string::npos) << status;
    EXPECT_TRUE(Run(query, {.documents_read = 5000}).ok());
  }
  EXPECT_TRUE(Run(db_.Query("things").OrderBy("n").Limit(10), {.documents_read = 10}).ok());
  const Query groups = db_.Query("things").Where(Field("plain") >= 0);
  EXPECT_TRUE(absl::IsResourceExhausted(
      simulation_.Run(Query(groups).WithLimits({.documents_read = 7}).Aggregate({Count()}))
          .status()));
  EXPECT_TRUE(absl::IsResourceExhausted(
      simulation_.Run(Query(groups).WithLimits({.documents_read = 7}).Count()).status()));
}

}  // namespace
}  // namespace aurora
