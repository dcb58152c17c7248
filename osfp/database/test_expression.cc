#include "osfp/database/test_expression.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace trawl::osfp {
namespace {

using Alternative = TestExpression::Alternative;
using Kind = TestExpression::Kind;

constexpr std::size_t kMostDigits = 16;

tl::unexpected<std::string> wrong(std::string_view what, std::string_view alternative) {
  return tl::unexpected<std::string>{fmt::format("{} in '{}'", what, alternative.substr(0, 40))};
}

// Letters, digits and signs of values; what divides tests is none of them.
bool is_value_byte(char byte) noexcept {
  constexpr std::string_view kNever = "%()=<>-|";
  return byte > ' ' && byte <= '~' && kNever.find(byte) == std::string_view::npos;
}

tl::expected<Alternative, std::string> read_alternative(std::string_view text) {
  Alternative read{.kind = Kind::Literal, .low = 0, .high = 0, .text = std::string{text}};
  if (text.starts_with('>') || text.starts_with('<')) {
    const auto bound = hexadecimal(text.substr(1));
    if (!bound) return wrong("no hexadecimal number after the comparison", text);
    read.kind = text.front() == '>' ? Kind::Above : Kind::Below;
    read.low = read.high = *bound;
    return read;
  }
  const std::size_t dash = text.find('-');
  if (dash != std::string_view::npos) {
    const auto low = hexadecimal(text.substr(0, dash));
    const auto high = hexadecimal(text.substr(dash + 1));
    if (!low || !high) return wrong("no two hexadecimal numbers around the dash", text);
    if (*low > *high) return wrong("a range that ends before it begins", text);
    read.kind = Kind::Range;
    read.low = *low;
    read.high = *high;
    return read;
  }
  if (!std::all_of(text.begin(), text.end(), is_value_byte)) {
    // The text may hold anything, so it is not quoted.
    return tl::unexpected<std::string>{"a byte that no test value has"};
  }
  return read;
}

}  // namespace

std::optional<std::uint64_t> hexadecimal(std::string_view text) noexcept {
  if (text.empty() || text.size() > kMostDigits) return std::nullopt;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

tl::expected<TestExpression, std::string> TestExpression::parse(std::string_view text) {
  TestExpression expression;
  for (;;) {
    const std::string_view part = text.substr(0, text.find('|'));
    auto alternative = read_alternative(part);
    if (!alternative) return tl::unexpected<std::string>{std::move(alternative).error()};
    if (expression.alternatives_.size() == kMostAlternatives) {
      return tl::unexpected<std::string>{
          fmt::format("more than {} alternatives", kMostAlternatives)};
    }
    expression.alternatives_.push_back(std::move(*alternative));
    if (part.size() == text.size()) return expression;
    text.remove_prefix(part.size() + 1);
  }
}

bool TestExpression::matches(std::string_view value) const noexcept {
  const auto number = hexadecimal(value);
  return std::any_of(alternatives_.begin(), alternatives_.end(), [&](const Alternative& one) {
    if (one.kind == Kind::Literal) return one.text == value;
    return number && holds(one.kind, one.low, one.high, *number);
  });
}

std::string TestExpression::text() const {
  std::string text = alternatives_.front().text;
  for (std::size_t i = 1; i < alternatives_.size(); ++i) {
    text.append(1, '|').append(alternatives_[i].text);
  }
  return text;
}

}  // namespace trawl::osfp
