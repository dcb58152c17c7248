#include "control/survey/output/zmap_formatter.h"

#include <array>
#include <string_view>
#include <utility>

#include "control/survey/output/zmap_classification.h"

namespace trawl::control {
namespace {

std::vector<ZmapField> default_fields() {
  using enum ZmapField;
  return {Saddr, Daddr, Sport, Dport, Classification, Success, Repeat, Cooldown, TimestampStr};
}

char* put_flag(char* out, bool value) noexcept {
  *out++ = value ? '1' : '0';
  return out;
}

// The number zmap prints: the four bytes as they travel, read by a little-endian machine.
// An IPv6 address is none.
char* put_raw(char* out, const IpAddress& address) noexcept {
  return address.is_v4() ? put_number(out, __builtin_bswap32(address.v4().value())) : out;
}

std::uint64_t microsecond_of(std::chrono::system_clock::time_point time) noexcept {
  using namespace std::chrono;
  const auto since = floor<microseconds>(time) - floor<seconds>(time);
  return static_cast<std::uint64_t>(since.count());
}

}  // namespace

ZmapFormatter::ZmapFormatter(std::vector<ZmapField> fields)
    : fields_{fields.empty() ? default_fields() : std::move(fields)} {}

std::string ZmapFormatter::header() const {
  if (fields_.size() == 1) return {};
  std::string line;
  for (const ZmapField field : fields_) {
    if (!line.empty()) line += ',';
    line += to_string(field);
  }
  return line + '\n';
}

// "2026-01-02T03:04:05.123+0000": milliseconds and the offset of UTC.
char* ZmapFormatter::write_time(char* out, const Verdict& verdict) noexcept {
  constexpr std::size_t kToMilliseconds = 23;
  std::array<char, TimestampWriter::kSize> text;
  timestamp_.write(text.data(), verdict.time);
  return put(put(out, {text.data(), kToMilliseconds}), "+0000");
}

char* ZmapFormatter::write_value(char* out, ZmapField field, const Verdict& verdict) noexcept {
  switch (field) {
    case ZmapField::Saddr: return put_address(out, verdict.ip);
    case ZmapField::SaddrRaw: return put_raw(out, verdict.ip);
    case ZmapField::Daddr: return put_address(out, verdict.to);
    case ZmapField::DaddrRaw: return put_raw(out, verdict.to);
    case ZmapField::Ttl: return put_number(out, verdict.ttl);
    case ZmapField::Sport:
      return verdict.protocol == Protocol::Icmp ? out : put_number(out, verdict.port);
    case ZmapField::Dport: return verdict.to_port == 0 ? out : put_number(out, verdict.to_port);
    case ZmapField::Classification: return put(out, to_string(classification_of(verdict.reason)));
    case ZmapField::Success: return put_flag(out, is_success(verdict.state));
    case ZmapField::Repeat: return put_flag(out, verdict.repeat);
    case ZmapField::Cooldown: return put_flag(out, verdict.cooldown);
    case ZmapField::TimestampStr: return write_time(out, verdict);
    case ZmapField::TimestampTs: return put_number(out, unix_seconds(verdict.time));
    case ZmapField::TimestampUs: return put_number(out, microsecond_of(verdict.time));
  }
  return out;
}

char* ZmapFormatter::write(char* out, const Verdict& verdict, std::uint64_t /*before*/) noexcept {
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (i > 0) *out++ = ',';
    out = write_value(out, fields_[i], verdict);
  }
  *out++ = '\n';
  return out;
}

}  // namespace trawl::control
