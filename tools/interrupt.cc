#include "aurora/tools/interrupt.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "aurora/runtime/check.h"

namespace aurora::tools {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM};

// Lock-free, as a signal handler needs it.
std::atomic<int> caught = 0;
int pipe_ends[2] = {-1, -1};
struct sigaction before[2];

extern "C" void OnSignal(int signal) {
  const int error = errno;
  caught.store(signal);
  static_cast<void>(!::write(pipe_ends[1], "", 1));
  errno = error;
}

}  // namespace

InterruptScope::InterruptScope() {
  AURORA_CHECK(pipe_ends[0] == -1 && "one InterruptScope at a time");
  AURORA_CHECK(::pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) == 0);
  caught.store(0);
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  // The next one meets the default action.
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  for (int i = 0; i < 2; ++i) ::sigaction(kSignals[i], &action, &before[i]);
}

InterruptScope::~InterruptScope() {
  for (int i = 0; i < 2; ++i) ::sigaction(kSignals[i], &before[i], nullptr);
  for (int& fd : pipe_ends) {
    ::close(fd);
    fd = -1;
  }
}

int InterruptScope::Signal() { return caught.load(); }

int InterruptScope::Descriptor() { return pipe_ends[0]; }

}  // namespace aurora::tools
