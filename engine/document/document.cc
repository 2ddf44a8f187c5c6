#include "aurora/engine/document/document.h"

#include <cstring>
#include <limits>
#include <new>

#include "aurora/engine/document/document_validator.h"
#include "aurora/engine/document/json.h"
#include "aurora/runtime/status.h"

namespace aurora {

std::optional<ValueView> FindPath(const ObjectView& object, std::string_view path) {
  if (auto whole = object.Find(path); whole.has_value()) return whole;
  const std::size_t dot = path.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto outer = object.Find(path.substr(0, dot));
  if (!outer.has_value() || outer->type() != Type::kObject) return std::nullopt;
  return FindPath(outer->AsObject(), path.substr(dot + 1));
}

std::optional<ValueView> DocumentView::Find(std::string_view path) const {
  // The common case, without an ObjectView.
  if (const auto slot = layout_->Find(path); slot.has_value()) return Find(*slot);
  return FindPath(fields(), path);
}

DocumentId DocumentView::id() const {
  const ValueView id = id_value();
  AURORA_CHECK(!id.is_null());
  if (id.type() == Type::kUuid) return DocumentId(id.AsUuid());
  if (id.type() == Type::kInt64) return DocumentId(id.AsInt64());
  return DocumentId(id.AsString());
}

Object DocumentView::ToObject() const { return Value(ValueView(fields())).AsObject(); }

Document Document::Copy(std::shared_ptr<const Layout> layout, std::string_view bytes,
                        std::uint32_t version) {
  AURORA_CHECK(layout != nullptr);
  AURORA_CHECK(bytes.size() >= internal::kWordBytes &&
               bytes.size() <= std::numeric_limits<std::uint32_t>::max());
  void* memory = ::operator new(sizeof(Buffer) + bytes.size());
  auto* buffer = new (memory) Buffer;
  buffer->size = static_cast<std::uint32_t>(bytes.size());
  std::memcpy(buffer->bytes(), bytes.data(), bytes.size());
  buffer->view = DocumentView(*layout, {buffer->bytes(), bytes.size()}, version);
  buffer->layout = std::move(layout);
  return Document(buffer);
}

absl::StatusOr<Document> Document::Open(std::shared_ptr<const Layout> layout,
                                        std::string_view bytes, std::uint32_t version) {
  AURORA_RETURN_IF_ERROR(ValidateDocument(bytes, *layout));
  return Copy(std::move(layout), bytes, version);
}

void Document::Delete(Buffer* buffer) {
  buffer->~Buffer();
  ::operator delete(buffer);
}

std::string Document::ToJson() const { return aurora::ToJson(fields()); }

absl::StatusOr<ValueView> OpenValue(std::string_view bytes) {
  AURORA_RETURN_IF_ERROR(ValidateValueMessage(bytes));
  return internal::ReadValueStruct(
      internal::FollowStruct(reinterpret_cast<const std::uint8_t*>(bytes.data())));
}

}  // namespace aurora
