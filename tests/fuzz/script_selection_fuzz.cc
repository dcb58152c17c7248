#include <cstdint>
#include <cstdlib>
#include <set>
#include <string_view>

#include "nse/engine/selection.h"

// The text of --script, without files to find: whatever it is, each script comes at most once.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl::nse;
  static const ScriptSources sources{
      .databases = {{"/db",
                     {{"banner.nse", {"discovery", "safe"}},
                      {"http-title.nse", {"default", "discovery", "safe"}},
                      {"ssh-hostkey.nse", {"default", "safe"}}}}}};
  const auto chosen =
      choose_scripts(std::string_view{reinterpret_cast<const char*>(data), size}, sources);
  if (!chosen) {
    if (chosen.error().message.empty()) std::abort();
    return 0;
  }
  std::set<std::filesystem::path> seen;
  for (const ChosenScript& script : *chosen) {
    if (!seen.insert(script.path).second) std::abort();
  }
  return 0;
}
