#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "nse/host/raw_destinations.h"

// A packet that may be sent has its destination among the addresses that the guard is asked about.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl::nse;
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  const RawDestinations packet = packet_destinations(bytes);
  if (packet.readable && packet.addresses.empty()) std::abort();
  const RawDestinations frame = frame_destinations(bytes);
  const bool is_v4 = size >= 14 && data[12] == 0x08 && data[13] == 0x00;
  const bool is_v6 = size >= 14 && data[12] == 0x86 && data[13] == 0xdd;
  if ((is_v4 || is_v6) && frame.readable && frame.addresses.empty()) std::abort();
  return 0;
}
