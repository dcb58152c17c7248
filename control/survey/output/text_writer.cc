#include "control/survey/output/text_writer.h"

#include <algorithm>

namespace trawl::control {
namespace {

// The 256 octets as text, each followed by its length.
constexpr auto kOctets = [] {
  std::array<std::array<char, 4>, 256> octets{};
  for (unsigned value = 0; value < octets.size(); ++value) {
    auto& text = octets[value];
    unsigned length = 0;
    if (value >= 100) text[length++] = static_cast<char>('0' + value / 100);
    if (value >= 10) text[length++] = static_cast<char>('0' + value / 10 % 10);
    text[length++] = static_cast<char>('0' + value % 10);
    text[3] = static_cast<char>(length);
  }
  return octets;
}();

}  // namespace

char* put_address(char* out, Ipv4Address address) noexcept {
  for (unsigned shift = 32; shift > 0;) {
    shift -= 8;
    const auto& octet = kOctets[address.value() >> shift & 0xffU];
    std::memcpy(out, octet.data(), 3);
    out += octet[3];
    if (shift > 0) *out++ = '.';
  }
  return out;
}

// inet_ntop() is slow beside put_address() of IPv4, and right.
char* put_address(char* out, const IpAddress& address) noexcept {
  if (address.is_v4()) [[likely]]
    return put_address(out, address.v4());
  return put(out, address.v6().to_string());
}

std::uint64_t unix_seconds(std::chrono::system_clock::time_point time) noexcept {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  return seconds < 0 ? 0 : static_cast<std::uint64_t>(seconds);
}

char* TimestampWriter::write(char* out, std::chrono::system_clock::time_point time) noexcept {
  using std::chrono::days;
  using std::chrono::microseconds;
  using std::chrono::seconds;
  constexpr std::chrono::sys_seconds kLowest{std::chrono::sys_days{std::chrono::year{0} / 1 / 1}};
  constexpr std::chrono::sys_seconds kEnd{std::chrono::sys_days{std::chrono::year{10000} / 1 / 1}};
  const auto exact = std::clamp<std::chrono::sys_time<microseconds>>(
      std::chrono::floor<microseconds>(time), kLowest, kEnd - microseconds{1});
  const auto second = std::chrono::floor<seconds>(exact);
  if (second != second_) {
    second_ = second;
    const auto day = std::chrono::floor<days>(second);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{second - day};
    std::memcpy(text_.data(), "0000-00-00T00:00:00.", text_.size());
    put_padded(text_.data(), static_cast<unsigned>(static_cast<int>(date.year())), 4);
    put_padded(text_.data() + 5, static_cast<unsigned>(date.month()), 2);
    put_padded(text_.data() + 8, static_cast<unsigned>(date.day()), 2);
    put_padded(text_.data() + 11, static_cast<unsigned>(clock.hours().count()), 2);
    put_padded(text_.data() + 14, static_cast<unsigned>(clock.minutes().count()), 2);
    put_padded(text_.data() + 17, static_cast<unsigned>(clock.seconds().count()), 2);
  }
  out = put(out, {text_.data(), text_.size()});
  out = put_padded(out, static_cast<unsigned>((exact - second).count()), 6);
  *out++ = 'Z';
  return out;
}

}  // namespace trawl::control
