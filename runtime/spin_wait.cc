#include "aurora/runtime/spin_wait.h"

#include <thread>

namespace aurora {

void SpinWait::GiveWay() { std::this_thread::yield(); }

}  // namespace aurora
