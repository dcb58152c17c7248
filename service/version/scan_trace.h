#pragma once

#include <string>

#include "service/probes/probe_file.h"
#include "service/version/inquiry_parts.h"
#include "service/version/service_finding.h"

namespace trawl::service {

// "198.18.0.5:22", "[2001:db8::5]:22" would be misread by scripts that expect Nmap's form, which
// has no brackets.
[[nodiscard]] std::string port_text(const ServicePort& port);

// "Service scan sending probe NULL to 198.18.0.5:22 (tcp)"
[[nodiscard]] std::string sending_line(const ServicePort& port, const Probe& probe);

// "Service scan match (Probe NULL matched with NULL line 3): 198.18.0.5:22 is ssh.  Version:
// |OpenSSH|9.2p1|protocol 2.0|", or of a soft match without version information:
// "Service scan soft match (Probe NULL matched with NULL line 4): 198.18.0.5:21 is ftp".
[[nodiscard]] std::string match_line(const ServicePort& port, const ProbeFile& file,
                                     const InquiryCommand& told);

// "Got nsock CONNECT response with status ERROR - aborting this service"
[[nodiscard]] std::string abort_line(bool timed_out);

}  // namespace trawl::service
