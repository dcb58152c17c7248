#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "control/audit/packet_trace.h"
#include "dataplane/packet/dissect.h"

// A frame of an Ethernet, and the same bytes as a packet without its header.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl;
  const auto bytes = std::as_bytes(std::span{data, size});
  constexpr std::size_t kEthernet = 14;
  for (const std::size_t header : {std::size_t{0}, kEthernet}) {
    if (size < header) break;
    const auto found = dataplane::dissect_packet(bytes.subspan(header));
    if (found && found->packet.source.is_v4() != found->packet.destination.is_v4()) std::abort();
    const std::string line =
        control::trace_line(true, control::Moment{1}, bytes, header == kEthernet);
    // One line, whatever the packet holds.
    if (line.find('\n') != line.size() - 1) std::abort();
  }
  (void)dataplane::dissect_neighbour_answer(bytes);
  return 0;
}
