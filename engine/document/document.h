// A stored document, read in place.
//
// DocumentView looks at bytes that somebody else keeps. Document is a handle on bytes of its own,
// as cheap to copy as a shared pointer, and immutable: safe from every thread.
//
// Cost: opening a document, a few ns beside copying its bytes; a scalar field by its slot, about 1
// ns; a string, 2; by name, a hash lookup more. No field is copied: strings, arrays and objects
// point into the document and are valid as long as it is.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "aurora/engine/document/document_id.h"
#include "aurora/engine/document/layout.h"
#include "aurora/engine/document/struct_reader.h"
#include "aurora/engine/document/value.h"
#include "aurora/engine/document/value_view.h"
#include "aurora/engine/document/wire.h"
#include "aurora/runtime/check.h"

namespace aurora {

class DocumentView {
 public:
  // No document; only to be assigned to.
  DocumentView() = default;
  // `bytes` were written by EncodeDocument, or passed ValidateDocument, with `layout` or an older
  // version of it; `version` is that of the layout with which they were written. Keeps references
  // to both.
  DocumentView(const Layout& layout, std::string_view bytes, std::uint32_t version)
      : layout_(&layout.root()),
        root_(internal::FollowStruct(reinterpret_cast<const std::uint8_t*>(bytes.data()))),
        version_(version) {
    AURORA_DCHECK(bytes.size() >= internal::kWordBytes);
  }

  // A field by its slot (Layout::Find): nullopt if it is missing. One that was added to the schema
  // after the document was written shows its default, if it has one.
  std::optional<ValueView> Find(FieldSlot slot) const {
    return internal::ReadField(root_, *layout_, slot, version_);
  }
  // The same, with null for missing.
  ValueView Get(FieldSlot slot) const {
    if (AURORA_LIKELY(internal::IsSet(root_, *layout_, slot))) {
      return internal::ReadSetField(root_, *layout_, slot, version_);
    }
    return Find(slot).value_or(ValueView());
  }

  // A field by its name or path: "price", "address.city", "_id". A name with a dot in it, which an
  // undeclared field can have, is found too, and first.
  std::optional<ValueView> Find(std::string_view path) const;
  ValueView Get(std::string_view path) const { return Find(path).value_or(ValueView()); }

  // The id as a value; null if the document has none.
  ValueView id_value() const { return internal::ReadId(root_); }
  // The id; the document has one.
  DocumentId id() const;

  // All there is: the id, the fields that are not missing in the order of the schema, and what is
  // not declared.
  ObjectView fields() const { return internal::ReadStruct(root_, *layout_, version_); }
  Object ToObject() const;

  // The version of the schema with which the document was written.
  std::uint32_t version() const { return version_; }

 private:
  const internal::StructLayout* layout_ = nullptr;
  internal::StructRef root_;
  std::uint32_t version_ = 0;
};

// Looks `path` up in an object, as DocumentView::Find does.
std::optional<ValueView> FindPath(const ObjectView& object, std::string_view path);

class Document {
 public:
  // No document.
  Document() = default;

  // Copies `bytes`, which EncodeDocument has written, or ValidateDocument has passed.
  static Document Copy(std::shared_ptr<const Layout> layout, std::string_view bytes,
                       std::uint32_t version);
  static Document Copy(std::shared_ptr<const Layout> layout, std::string_view bytes) {
    const std::uint32_t version = layout->version();
    return Copy(std::move(layout), bytes, version);
  }
  // Copies bytes from anywhere. DataLoss if they are no document of the layout.
  static absl::StatusOr<Document> Open(std::shared_ptr<const Layout> layout, std::string_view bytes,
                                       std::uint32_t version);

  Document(const Document& other) : buffer_(other.buffer_) {
    if (buffer_ != nullptr) buffer_->references.fetch_add(1, std::memory_order_relaxed);
  }
  Document(Document&& other) noexcept : buffer_(std::exchange(other.buffer_, nullptr)) {}
  Document& operator=(Document other) noexcept {
    std::swap(buffer_, other.buffer_);
    return *this;
  }
  ~Document() {
    if (buffer_ != nullptr && buffer_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      Delete(buffer_);
    }
  }

  explicit operator bool() const { return buffer_ != nullptr; }

  // Everything that DocumentView offers; this is a document.
  const DocumentView& view() const [[clang::lifetimebound]] {
    AURORA_DCHECK(buffer_ != nullptr);
    return buffer_->view;
  }
  std::optional<ValueView> Find(FieldSlot slot) const [[clang::lifetimebound]] {
    return view().Find(slot);
  }
  ValueView Get(FieldSlot slot) const [[clang::lifetimebound]] { return view().Get(slot); }
  std::optional<ValueView> Find(std::string_view path) const [[clang::lifetimebound]] {
    return view().Find(path);
  }
  ValueView Get(std::string_view path) const [[clang::lifetimebound]] { return view().Get(path); }
  DocumentId id() const { return view().id(); }
  ObjectView fields() const [[clang::lifetimebound]] { return view().fields(); }
  Object ToObject() const { return view().ToObject(); }
  // The document as JSON (json.h), without white space.
  std::string ToJson() const;
  std::uint32_t version() const { return view().version(); }

  // As stored.
  std::string_view bytes() const [[clang::lifetimebound]] {
    AURORA_DCHECK(buffer_ != nullptr);
    return {buffer_->bytes(), buffer_->size};
  }
  const std::shared_ptr<const Layout>& layout() const [[clang::lifetimebound]] {
    AURORA_DCHECK(buffer_ != nullptr);
    return buffer_->layout;
  }
  // All memory that the document holds on to, but for the layout.
  std::size_t memory_bytes() const { return sizeof(Buffer) + buffer_->size; }

 private:
  // Followed by the bytes.
  struct alignas(internal::kWordBytes) Buffer {
    std::atomic<std::uint32_t> references{1};
    std::uint32_t size = 0;
    DocumentView view;
    std::shared_ptr<const Layout> layout;

    char* bytes() { return reinterpret_cast<char*>(this + 1); }
  };

  explicit Document(Buffer* buffer) : buffer_(buffer) {}
  static void Delete(Buffer* buffer);

  Buffer* buffer_ = nullptr;
};

// A value of its own, as EncodeValue writes it, which has to be `bytes` as long as it is looked at.
// DataLoss if it is not one.
absl::StatusOr<ValueView> OpenValue(std::string_view bytes [[clang::lifetimebound]]);

}  // namespace aurora
