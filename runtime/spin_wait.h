// Waiting for another thread that is about to be done: for locks that are held for nanoseconds.
//
//   SpinWait wait;
//   while (!TryLock()) wait.Once();
//
// Spins at first, then gives the processor away at every step, so that a holder that lost its
// processor gets it back.
#pragma once

namespace aurora {

class SpinWait {
 public:
  void Once() {
    if (++steps_ > kSpins) {
      GiveWay();
    } else {
      Pause();
    }
  }

 private:
  static constexpr int kSpins = 64;
  static void Pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }
  static void GiveWay();

  int steps_ = 0;
};

}  // namespace aurora
