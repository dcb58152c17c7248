#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace trawl::osfp {

// The number that a value is, in hexadecimal; nullopt when it is none, or over 16 digits.
[[nodiscard]] std::optional<std::uint64_t> hexadecimal(std::string_view text) noexcept;

// What a reference fingerprint asks of one test's value (Nmap book, "Test expressions"):
// alternatives between bars, of which one must hold. "1-6|64|>400" is one to six, exactly "64", or
// more than 0x400; an empty alternative asks for the empty value.
class TestExpression {
 public:
  enum class Kind : std::uint8_t {
    Literal,  // The very text; "40" is not "040".
    Range,    // `low` to `high`, both among them.
    Above,    // More than `low`.
    Below     // Less than `high`.
  };
  struct Alternative {
    Kind kind = Kind::Literal;
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    std::string text;  // As written.
  };

  static constexpr std::size_t kMostAlternatives = 256;

  // Fails with what is wrong: a comparison without a hexadecimal number, a range that ends before
  // it begins, a byte that no value has, too many alternatives.
  [[nodiscard]] static tl::expected<TestExpression, std::string> parse(std::string_view text);

  [[nodiscard]] bool matches(std::string_view value) const noexcept;
  // At least one.
  [[nodiscard]] const std::vector<Alternative>& alternatives() const noexcept {
    return alternatives_;
  }
  // As written.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<Alternative> alternatives_;
};

// Whether a number is what a Range, Above or Below asks for.
[[nodiscard]] constexpr bool holds(TestExpression::Kind kind, std::uint64_t low, std::uint64_t high,
                                   std::uint64_t number) noexcept {
  using enum TestExpression::Kind;
  return (kind == Range && low <= number && number <= high) || (kind == Above && number > low) ||
         (kind == Below && number < high);
}

}  // namespace trawl::osfp
