#include "control/survey/output/word_list.h"

#include <fmt/format.h>

#include "control/survey/text.h"

namespace trawl::control {

std::string join_words(std::span<const std::string_view> words) {
  std::string out;
  for (const std::string_view word : words) {
    if (!out.empty()) out += ", ";
    out += word;
  }
  return out;
}

Failure unknown_word(std::string_view option, std::string_view item, std::string_view kind,
                     std::span<const std::string_view> known) {
  return fail(ExitCode::Usage, fmt::format("{}: {} is not a {}{}; expected {}", option, quote(item),
                                           kind, did_you_mean(item, known), join_words(known)));
}

}  // namespace trawl::control
