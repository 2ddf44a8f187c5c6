// Fails on any input that starts with "bug": the fuzzer has to find that out.
#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size >= 3 && data[0] == 'b' && data[1] == 'u' && data[2] == 'g') __builtin_trap();
  return 0;
}
