// Documents: written, opened, read, as JSON, and their values as keys. The document is a user as
// in the comparison with SQLite: nine fields and a bio of 100 bytes.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "aurora/engine/document/document.h"
#include "aurora/engine/document/document_encoder.h"
#include "aurora/engine/document/document_id.h"
#include "aurora/engine/document/document_validator.h"
#include "aurora/engine/document/json.h"
#include "aurora/engine/document/key_encoding.h"
#include "aurora/engine/document/layout.h"
#include "aurora/engine/document/schema.h"
#include "aurora/engine/document/value.h"
#include "aurora/runtime/check.h"
#include "benchmark/benchmark.h"

namespace aurora {
namespace {

std::shared_ptr<const Layout> UserLayout() {
  const Schema schema = Schema()
                            .String("name")
                            .String("email", kUnique)
                            .Int64("age", kIndexed)
                            .String("city", kIndexed)
                            .String("status", kIndexed)
                            .Double("score")
                            .Array("tags", Type::kString)
                            .Object("address", Schema().String("street").String("zip"))
                            .String("bio");
  auto layout = Layout::Create(schema);
  AURORA_CHECK(layout.ok());
  return *std::move(layout);
}

Object User() {
  return {{"name", "Ada Lovelace"},
          {"email", "ada.lovelace@example.org"},
          {"age", 36},
          {"city", "London"},
          {"status", "active"},
          {"score", 99.5},
          {"tags", Array{"mathematics", "engines"}},
          {"address", {{"street", "St James's Square 12"}, {"zip", "SW1Y 4JH"}}},
          {"bio", std::string(100, 'b')}};
}

std::string Encoded(const Layout& layout) {
  const Object user = User();
  const std::optional<DocumentId> id = DocumentId(42);
  auto bytes = EncodeDocument(layout, id, user);
  AURORA_CHECK(bytes.ok());
  return *std::move(bytes);
}

void DocumentEncode(benchmark::State& state) {
  const auto layout = UserLayout();
  const Object user = User();
  const std::optional<DocumentId> id = DocumentId(42);
  for (auto _ : state) benchmark::DoNotOptimize(EncodeDocument(*layout, id, user).ok());
}
BENCHMARK(DocumentEncode);

void DocumentValidate(benchmark::State& state) {
  const auto layout = UserLayout();
  const std::string bytes = Encoded(*layout);
  for (auto _ : state) {
    benchmark::DoNotOptimize(ValidateDocument(bytes, *layout).ok());
  }
}
BENCHMARK(DocumentValidate);

void DocumentCopy(benchmark::State& state) {
  const auto layout = UserLayout();
  const std::string bytes = Encoded(*layout);
  for (auto _ : state) benchmark::DoNotOptimize(Document::Copy(layout, bytes));
}
BENCHMARK(DocumentCopy);

struct OpenUser {
  std::shared_ptr<const Layout> layout = UserLayout();
  Document document = Document::Copy(layout, Encoded(*layout));
};

void DocumentReadInt64(benchmark::State& state) {
  const OpenUser user;
  FieldSlot slot = *user.layout->Find("age");
  for (auto _ : state) {
    benchmark::DoNotOptimize(slot);
    benchmark::DoNotOptimize(user.document.Get(slot).AsInt64());
  }
}
BENCHMARK(DocumentReadInt64);

void DocumentReadString(benchmark::State& state) {
  const OpenUser user;
  FieldSlot slot = *user.layout->Find("city");
  for (auto _ : state) {
    benchmark::DoNotOptimize(slot);
    benchmark::DoNotOptimize(user.document.Get(slot).AsString());
  }
}
BENCHMARK(DocumentReadString);

void DocumentReadByName(benchmark::State& state) {
  const OpenUser user;
  std::string_view name = "city";
  for (auto _ : state) {
    benchmark::DoNotOptimize(name);
    benchmark::DoNotOptimize(user.document.Get(name).AsString());
  }
}
BENCHMARK(DocumentReadByName);

void DocumentReadByPath(benchmark::State& state) {
  const OpenUser user;
  std::string_view path = "address.zip";
  for (auto _ : state) {
    benchmark::DoNotOptimize(path);
    benchmark::DoNotOptimize(user.document.Get(path).AsString());
  }
}
BENCHMARK(DocumentReadByPath);

void DocumentToJson(benchmark::State& state) {
  const OpenUser user;
  std::size_t bytes = 0;
  for (auto _ : state) bytes += user.document.ToJson().size();
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(DocumentToJson);

void JsonParse(benchmark::State& state) {
  const std::string json = OpenUser().document.ToJson();
  for (auto _ : state) benchmark::DoNotOptimize(ParseJsonObject(json).ok());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(json.size()));
}
BENCHMARK(JsonParse);

void KeyEncode(benchmark::State& state, const Value& value) {
  std::string key;
  for (auto _ : state) {
    key.clear();
    AppendKey(value, &key);
    benchmark::DoNotOptimize(key.data());
  }
}
BENCHMARK_CAPTURE(KeyEncode, int64, Value(123456));
BENCHMARK_CAPTURE(KeyEncode, double, Value(99.5));
BENCHMARK_CAPTURE(KeyEncode, string, Value("ada.lovelace@example.org"));

void KeyDecode(benchmark::State& state, const Value& value) {
  const std::string key = EncodeKey(value);
  for (auto _ : state) benchmark::DoNotOptimize(DecodeKey(key).ok());
}
BENCHMARK_CAPTURE(KeyDecode, int64, Value(123456));
BENCHMARK_CAPTURE(KeyDecode, double, Value(99.5));
BENCHMARK_CAPTURE(KeyDecode, string, Value("ada.lovelace@example.org"));

}  // namespace
}  // namespace aurora
