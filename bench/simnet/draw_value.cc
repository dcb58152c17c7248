#include "bench/simnet/draw_value.h"

#include <fmt/format.h>

namespace trawl::simnet {

std::uint64_t draw_number(const osfp::TestExpression::Alternative& alternative, Drawing& drawing) {
  using enum osfp::TestExpression::Kind;
  // Numbers of an answer have 16 bits, all but counters.
  constexpr std::uint64_t kMost = 0xffff;
  switch (alternative.kind) {
    case Literal: return osfp::hexadecimal(alternative.text).value_or(0);
    case Range: {
      const std::uint64_t span = alternative.high - alternative.low;
      return alternative.low +
             (span == ~std::uint64_t{0} ? drawing.next() : drawing.below(span + 1));
    }
    case Above: {
      if (alternative.low == ~std::uint64_t{0}) return alternative.low;
      const std::uint64_t first = alternative.low + 1;
      return first >= kMost ? first : first + drawing.below(kMost - first + 1);
    }
    case Below: return alternative.high == 0 ? 0 : drawing.below(alternative.high);
  }
  return 0;
}

std::string draw_value(const osfp::TestExpression& expression, Drawing& drawing) {
  const auto& alternatives = expression.alternatives();
  const auto& chosen = alternatives[drawing.below(alternatives.size())];
  if (chosen.kind == osfp::TestExpression::Kind::Literal) return chosen.text;
  return fmt::format("{:X}", draw_number(chosen, drawing));
}

}  // namespace trawl::simnet
