#include "aurora/tools/commands/row_reader.h"

#include "aurora/engine/document/json.h"
#include "aurora/runtime/status.h"

namespace aurora::tools {

absl::StatusOr<std::optional<Row>> RowReader::Next() {
  while (true) {
    absl::StatusOr<std::optional<LineSplitter::Line>> line = lines_.Next();
    if (!line.ok()) {
      ++line_;
      return line.status();
    }
    if (line->has_value()) {
      line_ = (*line)->number;
      if (line_ < first_line_) continue;
      AURORA_ASSIGN_OR_RETURN(Object object, ParseJsonObject((*line)->text, limits_, line_));
      const std::uint64_t position =
          file_->compressed() ? file_->position_bytes() : lines_.consumed_bytes();
      return std::optional<Row>({std::move(object), line_, position});
    }
    if (ended_) return std::optional<Row>();
    absl::Status filled = Fill();
    if (!filled.ok()) {
      failed_ = true;
      return filled;
    }
  }
}

absl::Status RowReader::Fill() {
  AURORA_ASSIGN_OR_RETURN(const std::string_view chunk, file_->Read());
  if (chunk.empty()) {
    lines_.Finish();
    ended_ = true;
    return absl::OkStatus();
  }
  read_bytes_ += chunk.size();
  if (read_bytes_ > limits_.import_bytes_max) {
    return ResourceExhaustedError("the input is larger than the limit of ",
                                  limits_.import_bytes_max, " bytes (import_bytes_max)");
  }
  lines_.Add(chunk);
  return absl::OkStatus();
}

}  // namespace aurora::tools
