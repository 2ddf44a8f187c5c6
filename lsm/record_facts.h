// What the storage engine asks of a record of the log without replaying it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace aurora::lsm {

struct RecordFacts {
  // When the transaction was committed, in microseconds since 1970; 0: the record does not say.
  std::int64_t micros = 0;
  // The claims of its separated Puts (value_stream.h): views into the record.
  std::vector<std::string_view> claims;
};

}  // namespace aurora::lsm
