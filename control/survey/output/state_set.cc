#include "control/survey/output/state_set.h"

#include <array>

#include "control/survey/output/word_list.h"

namespace trawl::control {

Result<StateSet> StateSet::parse(std::string_view text, std::string_view option) {
  constexpr std::string_view kAll = "all";
  std::array<std::string_view, kPortStates + 1> names;
  for (unsigned i = 0; i < kPortStates; ++i) names[i] = to_string(static_cast<PortState>(i));
  names.back() = kAll;
  StateSet set;
  const auto take = [&](std::string_view item) -> Result<void> {
    if (item == kAll) {
      set = all();
      return {};
    }
    const auto state = parse_port_state(item);
    if (!state) return unknown_word(option, item, "state", names);
    set.add(*state);
    return {};
  };
  if (auto taken = for_each_item(text, take); !taken) return Failure{taken.error()};
  return set;
}

}  // namespace trawl::control
