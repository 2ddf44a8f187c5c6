#include "aurora/engine/verify.h"

#include <utility>

#include "aurora/engine/record.h"
#include "aurora/lsm/log_types.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/system_environment.h"

namespace aurora {

Task<absl::StatusOr<VerifyReport>> VerifyDatabase(std::string path, lsm::CopyOptions options,
                                                  std::shared_ptr<Environment> environment) {
  if (environment == nullptr) {
    AURORA_CO_ASSIGN(environment, MakeSystemEnvironment());
  }
  lsm::LogRecordCallback check = [](const lsm::LogRecord& record) {
    const absl::Status status = engine::DecodeRecord(record.payload).status();
    return Annotate(status, StrCat("commit ", record.sequence));
  };
  lsm::VerifyOptions verify;
  verify.copy = std::move(options);
  verify.check_record = &check;
  co_return co_await lsm::VerifyStore(environment.get(), std::move(path), std::move(verify));
}

}  // namespace aurora
