#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace trawl::control {

// Builds a JSON object key by key, on one line or with one key a line.
class JsonObject {
 public:
  enum class Layout { OneLine, Lines };

  explicit JsonObject(Layout layout) : layout_{layout} {}

  JsonObject& text(std::string_view key, std::string_view value);
  JsonObject& number(std::string_view key, std::uint64_t value);
  // With three decimals; a number JSON has no word for (NaN, infinity) becomes null.
  JsonObject& number(std::string_view key, double value);
  JsonObject& null(std::string_view key);
  // `json` is a complete JSON value.
  JsonObject& raw(std::string_view key, std::string_view json);

  // The object without line feed behind it.
  [[nodiscard]] std::string done() const;

 private:
  void begin(std::string_view key);

  Layout layout_;
  std::string body_;
};

}  // namespace trawl::control
