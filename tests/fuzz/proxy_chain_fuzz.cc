#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "control/audit/through/proxy_hop.h"
#include "service/proxy/proxy_chain.h"

// The first line is a list of proxies; behind it, what they say.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using trawl::service::ProxyChain;
  using trawl::service::ProxyGoal;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const std::size_t end = std::min(size, text.find('\n'));
  const auto hops = trawl::control::parse_proxies(text.substr(0, end));
  if (!hops) {
    if (hops.error().message.empty()) std::abort();
    return 0;
  }
  const std::string_view said = text.substr(std::min(size, end + 1));
  for (const bool has_goal : {true, false}) {
    const auto goal =
        has_goal ? std::optional{ProxyGoal{trawl::Ipv4Address{0xc6120101}, 80}} : std::nullopt;
    ProxyChain whole{*hops, goal};
    ProxyChain torn{*hops, goal};
    whole.take_input(said);
    for (const char& c : said) torn.take_input({&c, 1});
    if (whole.take_output() != torn.take_output()) std::abort();
    whole.take_end();
    torn.take_end();
    const auto& a = whole.answer();
    const auto& b = torn.answer();
    // In the end there is one answer, however the bytes came.
    if (!a || !b || a->verdict != b->verdict || a->trouble != b->trouble) std::abort();
    if (a->verdict.has_value() != a->trouble.empty()) std::abort();
  }
  return 0;
}
