#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "service/probes/probe_file.h"

namespace trawl::service {

// The probes that a port is asked, as indices into file.probes: those whose `ports` list it
// (`sslports` when `is_tls`: within a tunnel), then the others of rarity <= intensity, both in the
// order of the file (Nmap book, "Technique Described"). NULL, which sends nothing, is not among
// them.
[[nodiscard]] std::vector<std::size_t> probe_order(const ProbeFile& file, Transport transport,
                                                   std::uint16_t port, bool is_tls,
                                                   unsigned intensity);

}  // namespace trawl::service
