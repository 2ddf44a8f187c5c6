// Where the database tells what it does: opening, recovery, flushes, compactions, errors. Nothing
// else in the library prints.
#pragma once

#include <cstdint>
#include <string_view>

namespace aurora {

enum class LogSeverity : std::uint8_t { kInfo, kWarning, kError };

// Thread-safe. Log must not call back into the database, and should return quickly: it is called
// by the threads that do the work, never under a lock.
class Logger {
 public:
  virtual ~Logger() = default;
  // One event, without a line end. `message` is valid during the call.
  virtual void Log(LogSeverity severity, std::string_view message) = 0;
};

}  // namespace aurora
