#pragma once

#include <string>
#include <vector>

#include "control/nic/interface_facts.h"

namespace trawl::control {

// Aligned columns under a heading, for people. Names that hold control characters get '?' for them.
[[nodiscard]] std::string nic_table(const std::vector<InterfaceFacts>& interfaces,
                                    const std::vector<PciFacts>& cards);

// One object a line: "kind" is "interface" or "pci".
[[nodiscard]] std::string nic_json(const std::vector<InterfaceFacts>& interfaces,
                                   const std::vector<PciFacts>& cards);

}  // namespace trawl::control
