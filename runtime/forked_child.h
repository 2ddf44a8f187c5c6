// For tests: a part of a test that runs in a forked child process, and a way to take turns with it.
#pragma once

#include <sys/types.h>

#include <functional>

namespace aurora {

class ForkedChild {
 public:
  // Runs `body` in a child, which then exits: with 0, or with 1 if an expectation failed in it.
  explicit ForkedChild(const std::function<void(ForkedChild& self)>& body);
  // Kills the child if it is still there.
  ~ForkedChild();
  ForkedChild(const ForkedChild&) = delete;
  ForkedChild& operator=(const ForkedChild&) = delete;

  pid_t pid() const { return pid_; }

  // Each call on one side lets one Await on the other side return. A test fails whose other side
  // has gone instead.
  void Tell();
  void Await();

  // Ends it by SIGKILL, and waits until it is gone.
  void Kill();
  // Waits for its end: the exit code, or the negated number of the signal that killed it.
  int Wait();

 private:
  pid_t pid_ = -1;
  bool gone_ = false;
  int read_fd_ = -1;
  int write_fd_ = -1;
};

// Makes every later system call `number` (SYS_...) of this process fail with `error`, for good: to
// be called in a child. An expectation fails where the kernel has no seccomp.
void FailSystemCalls(long number, int error);

}  // namespace aurora
