#include "aurora/tools/input_file.h"

#include <zlib.h>

#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace aurora::tools {
namespace {

std::string Write(const std::string& name, const std::string& bytes) {
  const std::string path = testing::TempDir() + name;
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

// As gzip would.
std::string Gzip(const std::string& text) {
  z_stream stream = {};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

absl::StatusOr<std::string> ReadAll(const std::string& path) {
  absl::StatusOr<std::unique_ptr<InputFile>> file = InputFile::Open(path);
  if (!file.ok()) return file.status();
  std::string all;
  while (true) {
    const absl::StatusOr<std::string_view> chunk = (*file)->Read();
    if (!chunk.ok()) return chunk.status();
    if (chunk->empty()) break;
    all.append(*chunk);
  }
  EXPECT_EQ((*file)->position_bytes(), (*file)->size_bytes());
  return all;
}

// Compresses well, so that one packed chunk fills many unpacked ones.
const std::string kLong(3'000'000, 'x');

TEST(InputFileTest, TextIsReadAsItIs) {
  EXPECT_EQ(*ReadAll(Write("empty", "")), "");
  EXPECT_EQ(*ReadAll(Write("text", "a\nb")), "a\nb");
  EXPECT_EQ(*ReadAll(Write("long", kLong)), kLong);
}

TEST(InputFileTest, GzipIsUnpackedWhateverTheNameOfTheFile) {
  EXPECT_EQ(*ReadAll(Write("a", Gzip("hello"))), "hello");
  EXPECT_EQ(*ReadAll(Write("b.ndjson", Gzip(kLong))), kLong);
  EXPECT_EQ(*ReadAll(Write("c.gz", Gzip(""))), "");
}

TEST(InputFileTest, GzipStreamsInARowAreOne) {
  EXPECT_EQ(*ReadAll(Write("row", Gzip("a") + Gzip("") + Gzip(kLong) + Gzip("b"))),
            "a" + kLong + "b");
}

TEST(InputFileTest, GzipThatIsCutOrChangedIsNoShortFile) {
  const std::string packed = Gzip("hello, hello, and hello again");
  for (std::size_t size = 2; size < packed.size(); ++size) {
    EXPECT_EQ(ReadAll(Write("cut", packed.substr(0, size))).status().code(),
              absl::StatusCode::kDataLoss)
        << size;
  }
  std::string changed = packed;
  changed[changed.size() - 6] ^= 1;  // in the checksum of the text
  EXPECT_EQ(ReadAll(Write("changed", changed)).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReadAll(Write("behind", packed + "garbage")).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST(InputFileTest, WhatCannotBeOpenedIsNamed) {
  const absl::Status missing = InputFile::Open("/no/such/file").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(missing.message().find("/no/such/file"), absl::string_view::npos);
  EXPECT_EQ(InputFile::Open("/").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace aurora::tools
