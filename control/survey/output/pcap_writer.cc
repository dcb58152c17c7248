#include "control/survey/output/pcap_writer.h"

#include <algorithm>
#include <cstring>

namespace trawl::control {
namespace {

constexpr std::uint32_t kNanosecondMagic = 0xa1b23c4d;
constexpr std::uint32_t kEthernet = 1;  // LINKTYPE_ETHERNET.
constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

char* put_word(char* out, std::uint32_t value) noexcept {
  std::memcpy(out, &value, sizeof value);
  return out + sizeof value;
}

}  // namespace

std::string PcapWriter::header() const {
  std::string header(24, '\0');
  const std::uint16_t major = 2;
  const std::uint16_t minor = 4;
  char* const start = header.data();
  put_word(start, kNanosecondMagic);
  std::memcpy(start + 4, &major, sizeof major);
  std::memcpy(start + 6, &minor, sizeof minor);
  put_word(start + 16, dataplane::CapturedFrame::kMostBytes);
  put_word(start + 20, kEthernet);
  return header;
}

char* PcapWriter::write_frame(char* out, const dataplane::CapturedFrame& frame,
                              const TscClock& clock) noexcept {
  const std::int64_t time = std::max<std::int64_t>(clock.wall_nanoseconds_at(frame.arrival), 0);
  out = put_word(out, static_cast<std::uint32_t>(time / kNanosecondsPerSecond));
  out = put_word(out, static_cast<std::uint32_t>(time % kNanosecondsPerSecond));
  out = put_word(out, frame.kept);
  out = put_word(out, frame.length);
  std::memcpy(out, frame.bytes.data(), frame.kept);
  return out + frame.kept;
}

}  // namespace trawl::control
