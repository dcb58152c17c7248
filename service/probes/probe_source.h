#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "service/probes/probe_file.h"

namespace trawl::service {

// Which probe file is asked for.
struct ProbeChoice {
  std::string path{};     // --versiondb; "" for none.
  std::string datadir{};  // --datadir; "" for none.
  bool is_own = false;    // Our own, whatever is installed. `path` goes before it.
};

// Where nmap-service-probes is looked for, in this order: `datadir`, $NMAPDIR, ~/.nmap and the
// folders that Nmap's packages install it to (Nmap book, "Customizing Nmap").
[[nodiscard]] std::vector<std::string> probe_file_places(const std::string& datadir);

// The file chosen, else the first of probe_file_places() that can be read, else our own. Fails with
// BadInput, naming the file, when the one chosen cannot be read or the one found holds no probe.
[[nodiscard]] Result<ProbeFile> load_probes(const ProbeChoice& choice);

// data/service-probes, which is part of the program. Its ProbeFile has this path.
[[nodiscard]] std::string_view own_probe_text() noexcept;
inline constexpr std::string_view kOwnProbePath = "service-probes (built in)";

}  // namespace trawl::service
