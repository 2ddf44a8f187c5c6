// A program as a consumer writes it: Aurora by its one header, and a dependency of both.
#include <iostream>

#include "aurora/aurora.h"

#ifndef CONSUMERS_ABSEIL
#error "Aurora was built with its own Abseil, not with the one that this workspace defines"
#endif

int main() {
  const absl::Status status = aurora::InvalidArgumentError("an error of ", aurora::kVersion);
  std::cout << "aurora " << aurora::kVersion << ": " << status << "\n";
  return status.code() == absl::StatusCode::kInvalidArgument ? 0 : 1;
}
