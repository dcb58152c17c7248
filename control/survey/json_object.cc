#include "control/survey/json_object.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "control/survey/text.h"

namespace trawl::control {

void JsonObject::begin(std::string_view key) {
  if (!body_.empty()) body_ += ',';
  if (layout_ == Layout::Lines) body_ += "\n  ";
  append_json_string(body_, key);
  body_ += layout_ == Layout::Lines ? ": " : ":";
}

JsonObject& JsonObject::text(std::string_view key, std::string_view value) {
  begin(key);
  append_json_string(body_, value);
  return *this;
}

JsonObject& JsonObject::number(std::string_view key, std::uint64_t value) {
  begin(key);
  fmt::format_to(std::back_inserter(body_), "{}", value);
  return *this;
}

JsonObject& JsonObject::number(std::string_view key, double value) {
  if (!std::isfinite(value)) return null(key);
  begin(key);
  fmt::format_to(std::back_inserter(body_), "{:.3f}", value);
  return *this;
}

JsonObject& JsonObject::null(std::string_view key) { return raw(key, "null"); }

JsonObject& JsonObject::raw(std::string_view key, std::string_view json) {
  begin(key);
  body_ += json;
  return *this;
}

std::string JsonObject::done() const {
  return layout_ == Layout::Lines ? "{" + body_ + "\n}" : "{" + body_ + "}";
}

}  // namespace trawl::control
