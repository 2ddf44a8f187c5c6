#include "aurora/lsm/zstd_block.h"

#include <zstd.h>

#include <mutex>
#include <vector>

#include "aurora/runtime/check.h"

namespace aurora::lsm {
namespace {

constexpr int kLevel = 3;

// Contexts that nobody uses at the moment. Never destroyed: threads may outlive what is static.
template <class Context>
class Pool {
 public:
  using Make = Context* (*)();
  explicit Pool(Make make) : make_(make) {}

  Context* Take() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        Context* const context = idle_.back();
        idle_.pop_back();
        return context;
      }
    }
    Context* const context = make_();
    AURORA_CHECK(context != nullptr && "out of memory");
    return context;
  }
  void GiveBack(Context* context) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(context);
  }

 private:
  const Make make_;
  std::mutex mutex_;
  std::vector<Context*> idle_;
};

Pool<ZSTD_CCtx>& Compressors() {
  static auto* const pool = new Pool<ZSTD_CCtx>(ZSTD_createCCtx);
  return *pool;
}
Pool<ZSTD_DCtx>& Decompressors() {
  static auto* const pool = new Pool<ZSTD_DCtx>(ZSTD_createDCtx);
  return *pool;
}

}  // namespace

std::size_t ZstdBound(std::size_t raw_bytes) { return ZSTD_compressBound(raw_bytes); }

std::size_t ZstdCompress(std::string_view raw, std::span<char> out) {
  ZSTD_CCtx* const context = Compressors().Take();
  const std::size_t size =
      ZSTD_compressCCtx(context, out.data(), out.size(), raw.data(), raw.size(), kLevel);
  Compressors().GiveBack(context);
  return ZSTD_isError(size) ? 0 : size;
}

std::optional<std::size_t> ZstdRawBytes(std::string_view frame) {
  const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR) return std::nullopt;
  return static_cast<std::size_t>(size);
}

bool ZstdDecompress(std::string_view frame, std::span<char> raw) {
  ZSTD_DCtx* const context = Decompressors().Take();
  const std::size_t size =
      ZSTD_decompressDCtx(context, raw.data(), raw.size(), frame.data(), frame.size());
  Decompressors().GiveBack(context);
  return size == raw.size();
}

}  // namespace aurora::lsm
