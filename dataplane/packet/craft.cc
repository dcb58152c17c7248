#include "dataplane/packet/craft.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "dataplane/wire.h"

namespace trawl::dataplane {
namespace {

using namespace wire;

constexpr std::uint8_t kProtocolSctp = 132;
constexpr std::size_t kSctpHeader = 12;
constexpr std::size_t kInitChunk = 20;
constexpr std::size_t kCookieChunk = 8;

template <typename... Cases>
struct Overload : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overload(Cases...) -> Overload<Cases...>;

void copy_to(std::byte* at, std::span<const std::byte> data) noexcept {
  if (!data.empty()) std::memcpy(at, data.data(), data.size());
}

// The sum over the pseudo header (RFC 9293 section 3.1, RFC 8200 section 8.1).
ChecksumPart pseudo_header(const PacketSpec& spec, std::uint8_t protocol,
                           std::size_t size) noexcept {
  ChecksumPart part;
  if (spec.destination.is_v4()) {
    part.add(in_frame(spec.source.v4()));
    part.add(in_frame(spec.destination.v4()));
  } else {
    part.add(in_frame(spec.source.v6()));
    part.add(in_frame(spec.destination.v6()));
  }
  part.add(swap16(protocol));
  part.add(swap16(static_cast<std::uint16_t>(size)));
  return part;
}

std::uint16_t transport_checksum(const PacketSpec& spec, std::uint8_t protocol,
                                 std::span<const std::byte> segment) noexcept {
  ChecksumPart part = pseudo_header(spec, protocol, segment.size());
  part.add(ChecksumPart::over(segment.data(), segment.size()));
  return part.finish();
}

// What follows the IP header: writes it and returns its protocol, nullopt when it does not fit.
class PayloadWriter {
 public:
  PayloadWriter(const PacketSpec& spec, std::span<std::byte> out) noexcept
      : spec_{spec}, out_{out} {}

  [[nodiscard]] bool write() noexcept {
    return std::visit([this](const auto& what) { return put(what); }, spec_.what);
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::uint8_t protocol() const noexcept { return protocol_; }

 private:
  bool begin(std::uint8_t protocol, std::size_t size) noexcept {
    protocol_ = protocol;
    size_ = size;
    if (size > out_.size()) return false;
    std::memset(out_.data(), 0, size);
    return true;
  }
  [[nodiscard]] std::span<const std::byte> written() const noexcept { return out_.first(size_); }
  void put_checksum(std::size_t at) noexcept {
    std::uint16_t sum = transport_checksum(spec_, protocol_, written());
    // A UDP checksum of zero would say that there is none (RFC 768).
    if (protocol_ == kProtocolUdp && sum == 0) sum = 0xffff;
    if (spec_.bad_checksum) sum = static_cast<std::uint16_t>(sum ^ 0x0101U);
    store(out_.data() + at, sum);
  }

  bool put(const TcpSegment& tcp) noexcept {
    const std::size_t options = tcp.has_mss ? 4 : 0;
    if (!begin(kProtocolTcp, kTcpSize + options + tcp.data.size())) return false;
    std::byte* const at = out_.data();
    write16(at + kTcpSourcePort, tcp.source_port);
    write16(at + kTcpDestinationPort, tcp.destination_port);
    write32(at + kTcpSequence, tcp.sequence);
    write32(at + kTcpAck, tcp.ack);
    write8(at + kTcpOffset, static_cast<std::uint8_t>((kTcpSize + options) / 4 << 4U));
    write8(at + kTcpFlags, tcp.flags);
    write16(at + kTcpWindow, tcp.window);
    constexpr std::uint32_t kMss1460 = 0x020405b4;
    if (tcp.has_mss) write32(at + kTcpSize, kMss1460);
    copy_to(at + kTcpSize + options, tcp.data);
    put_checksum(kTcpChecksum);
    return true;
  }
  bool put(const UdpDatagram& udp) noexcept {
    if (!begin(kProtocolUdp, kUdpSize + udp.data.size())) return false;
    std::byte* const at = out_.data();
    write16(at + kTcpSourcePort, udp.source_port);
    write16(at + kTcpDestinationPort, udp.destination_port);
    write16(at + kUdpLength, static_cast<std::uint16_t>(size_));
    copy_to(at + kUdpSize, udp.data);
    put_checksum(kUdpChecksum);
    return true;
  }
  bool put(const IcmpMessage& icmp) noexcept {
    const bool v4 = spec_.destination.is_v4();
    if (!begin(v4 ? kProtocolIcmp : kProtocolIcmpv6, kIcmpSize + icmp.data.size())) return false;
    std::byte* const at = out_.data();
    write8(at, icmp.type);
    write8(at + 1, icmp.code);
    write32(at + kIcmpId, icmp.rest);
    copy_to(at + kIcmpSize, icmp.data);
    const std::uint16_t sum = v4 ? ChecksumPart::over(at, size_).finish()
                                 : transport_checksum(spec_, protocol_, written());
    store(at + kIcmpChecksum, sum);
    return true;
  }
  bool put(const SctpPacket& sctp) noexcept {
    const bool init = sctp.chunk == SctpPacket::kInit;
    const std::size_t chunk = init ? kInitChunk : kCookieChunk;
    const std::size_t padded = (sctp.data.size() + 3) / 4 * 4;
    if (!begin(kProtocolSctp, kSctpHeader + chunk + padded)) return false;
    std::byte* const at = out_.data();
    write16(at, sctp.source_port);
    write16(at + 2, sctp.destination_port);
    write32(at + 4, sctp.tag);
    std::byte* const body = at + kSctpHeader;
    write8(body, sctp.chunk);
    write16(body + 2, static_cast<std::uint16_t>(chunk));
    if (init) {
      write32(body + 4, sctp.initiate_tag);
      write32(body + 8, 32768);  // Receive window.
      write16(body + 12, 10);    // Outbound streams...
      write16(body + 14, 2048);  // ...and inbound ones.
      write32(body + 16, sctp.initiate_tag);
    }
    copy_to(body + chunk, sctp.data);
    std::uint32_t sum = sctp.adler32 ? adler32(written()) : crc32c(written());
    if (spec_.bad_checksum) sum ^= 1;
    // CRC32c lies in the frame with its lowest byte first, Adler-32 with its highest.
    if (sctp.adler32) {
      write32(at + 8, sum);
    } else {
      store(at + 8, sum);
    }
    return true;
  }
  bool put(const RawPayload& raw) noexcept {
    if (!begin(raw.protocol, raw.data.size())) return false;
    copy_to(out_.data(), raw.data);
    return true;
  }

  const PacketSpec& spec_;
  std::span<std::byte> out_;
  std::size_t size_ = 0;
  std::uint8_t protocol_ = 0;
};

std::size_t write_v4(const PacketSpec& spec, std::span<std::byte> out) noexcept {
  constexpr std::uint16_t kDontFragment = 0x4000;
  const std::size_t header = kIpSize + spec.options.size();
  if (out.size() < header) return 0;
  PayloadWriter payload{spec, out.subspan(header)};
  if (!payload.write()) return 0;
  const std::size_t size = header + payload.size();
  std::byte* const at = out.data();
  std::memset(at, 0, kIpSize);
  write8(at, static_cast<std::uint8_t>(0x40U | header / 4));
  write16(at + kIpLength, static_cast<std::uint16_t>(size));
  write16(at + kIpId, spec.id);
  write16(at + kIpFragment, spec.may_fragment ? 0 : kDontFragment);
  write8(at + kIpTtl, spec.ttl);
  write8(at + kIpProtocol, payload.protocol());
  write32(at + kIpSource, spec.source.v4().value());
  write32(at + kIpDestination, spec.destination.v4().value());
  copy_to(at + kIpSize, spec.options);
  store(at + kIpChecksum, ChecksumPart::over(at, header).finish());
  return size;
}

std::size_t write_v6(const PacketSpec& spec, std::span<std::byte> out) noexcept {
  if (out.size() < kIpv6Size) return 0;
  PayloadWriter payload{spec, out.subspan(kIpv6Size)};
  if (!payload.write()) return 0;
  std::byte* const at = out.data();
  write32(at, 0x60000000U | spec.id);  // The flow label.
  write16(at + kIpv6Length, static_cast<std::uint16_t>(payload.size()));
  write8(at + kIpv6NextHeader, payload.protocol());
  write8(at + kIpv6HopLimit, spec.ttl);
  store(at + kIpv6Source, in_frame(spec.source.v6()));
  store(at + kIpv6Destination, in_frame(spec.destination.v6()));
  return kIpv6Size + payload.size();
}

std::size_t header_of(std::span<const std::byte> packet) noexcept {
  return (read8(packet.data()) & 0xfU) * 4U;
}

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
    table[i] = crc;
  }
  return table;
}
constexpr auto kCrcTable = make_crc_table();

}  // namespace

std::size_t craft_packet(const PacketSpec& spec, std::span<std::byte> out) noexcept {
  constexpr std::size_t kMostBytes = 65535;
  out = out.first(std::min(out.size(), kMostBytes));
  return spec.destination.is_v4() ? write_v4(spec, out) : write_v6(spec, out);
}

std::size_t fragments_of(std::span<const std::byte> packet, std::size_t mtu) noexcept {
  const std::size_t data = packet.size() - header_of(packet);
  return std::max<std::size_t>(1, (data + mtu - 1) / mtu);
}

namespace {

// Copies the options of a header that every fragment has, those with the copied flag (RFC 791,
// section 3.1), padded to four bytes. Returns how many.
std::size_t copy_options(std::span<const std::byte> options, std::byte* out) noexcept {
  constexpr std::uint8_t kEnd = 0;
  constexpr std::uint8_t kNothing = 1;
  constexpr std::uint8_t kCopied = 0x80;
  std::size_t size = 0;
  while (!options.empty() && read8(options.data()) != kEnd) {
    const std::uint8_t type = read8(options.data());
    const std::size_t length = type == kNothing     ? 1
                               : options.size() < 2 ? 0
                                                    : std::size_t{read8(options.data() + 1)};
    if (length == 0 || length > options.size() || (type != kNothing && length < 2)) break;
    if ((type & kCopied) != 0) {
      std::memcpy(out + size, options.data(), length);
      size += length;
    }
    options = options.subspan(length);
  }
  while (size % 4 != 0) out[size++] = std::byte{kEnd};
  return size;
}

}  // namespace

std::size_t write_fragment(std::span<const std::byte> packet, std::size_t mtu, std::size_t index,
                           std::span<std::byte> out) noexcept {
  constexpr std::uint16_t kMoreFragments = 0x2000;
  const std::size_t whole = header_of(packet);
  const std::size_t offset = index * mtu;
  const std::size_t data = std::min(mtu, packet.size() - whole - offset);
  if (out.size() < whole + data) return 0;
  std::byte* const at = out.data();
  std::memcpy(at, packet.data(), whole);
  std::size_t header = whole;
  if (index > 0 && whole > kIpSize) {
    header = kIpSize + copy_options(packet.subspan(kIpSize, whole - kIpSize), at + kIpSize);
    write8(at, static_cast<std::uint8_t>(0x40U | header / 4));
  }
  std::memcpy(at + header, packet.data() + whole + offset, data);
  const bool last = whole + offset + data == packet.size();
  write16(at + kIpLength, static_cast<std::uint16_t>(header + data));
  write16(at + kIpFragment,
          static_cast<std::uint16_t>(offset / 8 | (last ? 0U : unsigned{kMoreFragments})));
  write16(at + kIpChecksum, 0);
  store(at + kIpChecksum, ChecksumPart::over(at, header).finish());
  return header + data;
}

std::uint32_t crc32c(std::span<const std::byte> bytes) noexcept {
  std::uint32_t crc = 0xffffffffU;
  for (const std::byte byte : bytes) {
    crc = (crc >> 8U) ^ kCrcTable[(crc ^ static_cast<std::uint32_t>(byte)) & 0xffU];
  }
  return ~crc;
}

std::uint32_t adler32(std::span<const std::byte> bytes) noexcept {
  constexpr std::uint32_t kBase = 65521;
  std::uint32_t a = 1;
  std::uint32_t b = 0;
  for (const std::byte byte : bytes) {
    a = (a + static_cast<std::uint32_t>(byte)) % kBase;
    b = (b + a) % kBase;
  }
  return b << 16U | a;
}

}  // namespace trawl::dataplane
