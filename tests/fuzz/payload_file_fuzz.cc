#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "control/survey/payload_file.h"
#include "dataplane/udp_payloads.h"
#include "tests/fuzz/error_check.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// What the templates and the parser of replies rely on.
void check(const trawl::dataplane::UdpPayload& payload) {
  using trawl::dataplane::UdpPayload;
  require(!payload.ports.empty());
  require(payload.bytes.size() <= UdpPayload::kMostBytes);
  require(payload.slots.size() <= UdpPayload::kMostSlots);
  require(payload.reply.size() <= trawl::control::kMostReplySteps);
  require(!payload.any_port || payload.ports.size() == 1);
  for (const auto& slot : payload.slots) {
    require(slot.at + size_of(slot.field) <= payload.bytes.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view content{reinterpret_cast<const char*>(data), size};
  const auto parsed = trawl::control::parse_payloads(content, "payloads.txt");
  if (!parsed) {
    trawl::check_error(parsed.error(), trawl::ExitCode::BadInput);
    require(parsed.error().message.starts_with("payloads.txt:"));
    return 0;
  }
  require(parsed->size() <= trawl::control::kMostPayloads);
  std::ranges::for_each(*parsed, check);
  // The input is also what comes back: no reply may be read past its end.
  constexpr std::uint16_t kProbed[] = {53, 69, 123, 161, 5060};
  const trawl::dataplane::UdpPayloads payloads{*parsed, kProbed};
  const std::span reply{reinterpret_cast<const std::byte*>(data), size};
  for (const std::uint16_t port : kProbed) (void)payloads.read_reply(port, reply);
  (void)payloads.read_reply(50000, reply);
  return 0;
}
