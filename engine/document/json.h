// JSON text to values and back, without loss.
//
// JSON has no bytes, UUIDs, times, NaN or infinities. They are written as objects of one member
// whose name starts with $:
//
//   bytes       {"$bytes": "AAEC"}                         base64
//   uuid        {"$uuid": "0190163d-8694-739b-aea5-966c26f8ad91"}
//   timestamp   {"$timestamp": "2024-02-29T12:00:00.25Z"}  RFC 3339
//   double      {"$double": "nan"}, "inf", "-inf"
//   object      {"$object": {"$uuid": 1}}                  an object that only looks like one of
//   these
//
// Numbers with a point or an exponent are double, others int64. An integer that int64 cannot hold
// is read as the double that equals it exactly, or refused. Doubles are written with as few digits
// as tell them apart, and always with a point or an exponent: 3.0. So ParseJson(ToJson(v)) is v,
// types included.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "aurora/engine/document/limits.h"
#include "aurora/engine/document/value.h"
#include "aurora/engine/document/value_view.h"

namespace aurora {

// One value, with nothing but white space around it. InvalidArgument: no JSON, invalid UTF-8, a
// member twice, a bad $-object, a number that nothing can hold. ResourceExhausted: text longer than
// line_bytes_max, or more or deeper values than the limits admit. Both begin with line and column;
// `first_line` is the line at which the text begins, in a file of many. Neither stack nor memory
// grow beyond the limits, whatever the text. Names may be of any length.
absl::StatusOr<Value> ParseJson(std::string_view text,
                                const DocumentLimits& limits = DocumentLimits(),
                                std::uint64_t first_line = 1);
// InvalidArgument if it is not an object.
absl::StatusOr<Object> ParseJsonObject(std::string_view text,
                                       const DocumentLimits& limits = DocumentLimits(),
                                       std::uint64_t first_line = 1);

struct JsonStyle {
  // Spaces for each level, each member and item on a line of its own; 0: no white space at all.
  int indent = 0;
};

// Strings that are not UTF-8, which no document holds, get U+FFFD for each bad byte.
std::string ToJson(const ValueView& value, const JsonStyle& style = JsonStyle());
void AppendJson(const ValueView& value, std::string* out, const JsonStyle& style = JsonStyle());
// A string in quotes.
void AppendJsonString(std::string_view text, std::string* out);

}  // namespace aurora
