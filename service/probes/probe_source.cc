#include "service/probes/probe_source.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "service/probes/probe_text.h"

namespace trawl::service {

std::vector<std::string> probe_file_places(const std::string& datadir) {
  constexpr std::string_view kName = "nmap-service-probes";
  std::vector<std::string> places;
  if (!datadir.empty()) places.push_back(fmt::format("{}/{}", datadir, kName));
  const char* const named = std::getenv("NMAPDIR");
  if (named != nullptr && *named != '\0') places.push_back(fmt::format("{}/{}", named, kName));
  const char* const home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') places.push_back(fmt::format("{}/.nmap/{}", home, kName));
  places.push_back(fmt::format("/usr/share/nmap/{}", kName));
  places.push_back(fmt::format("/usr/local/share/nmap/{}", kName));
  return places;
}

Result<ProbeFile> load_probes(const ProbeChoice& choice) {
  if (!choice.path.empty()) return read_probe_file(choice.path);
  if (!choice.is_own) {
    for (const std::string& place : probe_file_places(choice.datadir)) {
      if (::access(place.c_str(), R_OK) == 0) return read_probe_file(place);
    }
  }
  return parse_probe_file(own_probe_text(), std::string{kOwnProbePath});
}

std::string_view own_probe_text() noexcept { return kProbeText; }

}  // namespace trawl::service
