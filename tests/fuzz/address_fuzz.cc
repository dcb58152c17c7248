#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/ip.h"
#include "base/mac.h"
#include "base/verdict.h"

namespace {

// What parses must print to text that parses to the same value.
template <typename Value>
void round_trip(std::string_view text) {
  const auto value = Value::parse(text);
  if (value && Value::parse(value->to_string()) != value) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  round_trip<trawl::Ipv4Address>(text);
  round_trip<trawl::Ipv6Address>(text);
  round_trip<trawl::Ipv4Prefix>(text);
  round_trip<trawl::Ipv6Prefix>(text);
  round_trip<trawl::MacAddress>(text);
  if (const auto state = trawl::parse_port_state(text); state && to_string(*state) != text) {
    std::abort();
  }
  return 0;
}
