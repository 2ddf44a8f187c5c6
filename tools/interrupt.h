// Ctrl-C, and SIGTERM, as a request to stop that long work looks at.
#pragma once

namespace aurora::tools {

// While it lives, the first SIGINT or SIGTERM only asks for a stop; the next one ends the process
// at once, as if nobody had listened. One at a time in a process.
class InterruptScope {
 public:
  InterruptScope();
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

  // The signal that asked for a stop; 0 if none did.
  static int Signal();
  // Readable once a stop was asked for, so that a wait for input can end; -1 if there is no scope.
  static int Descriptor();
};

}  // namespace aurora::tools
