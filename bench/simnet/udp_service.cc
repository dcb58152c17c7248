#include "bench/simnet/udp_service.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "dataplane/wire.h"

namespace trawl::simnet {
namespace {

namespace wire = dataplane::wire;
using Request = std::span<const std::byte>;
using Room = std::span<std::byte, kMostAnswer>;

// Builds an answer; what does not fit is left out.
class Builder {
 public:
  explicit Builder(Room room) noexcept : room_{room} {}

  Builder& bytes(Request from) noexcept {
    const std::size_t size = std::min(from.size(), room_.size() - size_);
    std::memcpy(room_.data() + size_, from.data(), size);
    size_ += size;
    return *this;
  }
  Builder& text(std::string_view from) noexcept {
    return bytes({reinterpret_cast<const std::byte*>(from.data()), from.size()});
  }
  Builder& u8(unsigned value) noexcept {
    const std::byte byte{static_cast<std::uint8_t>(value)};
    return bytes({&byte, 1});
  }
  Builder& u16(unsigned value) noexcept { return u8(value >> 8U).u8(value & 0xffU); }
  Builder& u32(std::uint32_t value) noexcept { return u16(value >> 16U).u16(value & 0xffffU); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  Room room_;
  std::size_t size_ = 0;
};

std::string_view text_of(Request request) noexcept {
  return {reinterpret_cast<const char*>(request.data()), request.size()};
}

// RFC 1035: refuses the question. Also mDNS (RFC 6762) and LLMNR (RFC 4795).
std::size_t dns(Request request, Room room) noexcept {
  constexpr std::size_t kHeader = 12;
  constexpr std::size_t kTypeAndClass = 4;
  if (request.size() < kHeader || wire::read16(request.data() + 4) != 1) return 0;
  std::size_t at = kHeader;
  while (at < request.size() && request[at] != std::byte{0}) {
    at += 1 + static_cast<std::size_t>(request[at]);
  }
  const std::size_t end = at + 1 + kTypeAndClass;
  if (end > request.size() || end > kMostAnswer) return 0;
  constexpr unsigned kResponse = 0x8000;
  constexpr unsigned kOpcodeAndRecursion = 0x7900;
  constexpr unsigned kRefused = 0x0005;
  const unsigned flags = wire::read16(request.data() + 2) & kOpcodeAndRecursion;
  return Builder{room}
      .bytes(request.first(2))
      .u16(kResponse | flags | kRefused)
      .u16(1)
      .u16(0)
      .u32(0)
      .bytes(request.subspan(kHeader, end - kHeader))
      .size();
}

// RFC 5905: a server of stratum 2 whose originate time is the client's transmit time.
std::size_t ntp(Request request, Room room) noexcept {
  constexpr std::size_t kSize = 48;
  constexpr unsigned kServer = 4;
  constexpr std::uint32_t kTime = 0xe9000000;
  if (request.size() < kSize) return 0;
  const auto version = static_cast<unsigned>(request[0] & std::byte{0x38});
  return Builder{room}
      .u8(version | kServer)
      .u8(2)
      .bytes(request.subspan(2, 1))
      .u8(0xec)
      .u32(0x00000200)
      .u32(0x00000400)
      .u32(0xc6120002)
      .u32(kTime - 64)
      .u32(0)
      .bytes(request.subspan(40, 8))
      .u32(kTime)
      .u32(0x10000000)
      .u32(kTime)
      .u32(0x10008000)
      .size();
}

// One element of BER (X.690) with a length of at most 255.
struct Element {
  unsigned tag = 0;
  std::size_t header = 0;
  std::size_t length = 0;  // Of the content.
  [[nodiscard]] std::size_t size() const noexcept { return header + length; }
};

// Size 0 when there is no whole element at `at`.
Element element(Request request, std::size_t at) noexcept {
  if (at + 2 > request.size()) return {};
  Element out{static_cast<unsigned>(request[at]), 2, static_cast<std::size_t>(request[at + 1])};
  if (out.length == 0x81 && at + 3 <= request.size()) {
    out.header = 3;
    out.length = static_cast<std::size_t>(request[at + 2]);
  } else if (out.length > 0x7f) {
    return {};
  }
  return at + out.size() <= request.size() ? out : Element{};
}

constexpr unsigned kInteger = 0x02;
constexpr unsigned kOctets = 0x04;
constexpr unsigned kSequence = 0x30;

// RFC 3414 section 4: an engine tells its identity to whoever does not know it.
std::size_t snmp3(Request request, std::size_t at, Room room) noexcept {
  const Element data = element(request, at);
  const Element id = data.tag == kSequence ? element(request, at + data.header) : Element{};
  constexpr std::size_t kLongestId = 5;
  if (id.tag != kInteger || id.length == 0 || id.length > kLongestId) return 0;
  constexpr std::string_view kGlobalTail{"\x02\x03\x00\xff\xe3\x04\x01\x00\x02\x01\x03", 11};
  constexpr std::string_view kEngine{"\x04\x09\x80\x00\x1f\x88\x01\xc6\x12\x00\x02", 11};
  constexpr std::string_view kBootsToPrivacy{"\x02\x01\x05\x02\x02\x10\x00\x04\x00\x04\x00\x04\x00",
                                             13};
  constexpr std::string_view kReport{
      "\xa8\x1b\x02\x01\x00\x02\x01\x00\x02\x01\x00\x30\x10\x30\x0e"
      "\x06\x09\x2b\x06\x01\x06\x03\x0f\x01\x01\x04\x41\x01\x07",
      29};
  const std::size_t global = id.size() + kGlobalTail.size();
  const std::size_t security = kEngine.size() + kBootsToPrivacy.size();
  const std::size_t scoped = kEngine.size() + 2 + kReport.size();
  const std::size_t all = 3 + (2 + global) + (4 + security) + (2 + scoped);
  const auto length = [](std::size_t size) { return static_cast<unsigned>(size); };
  Builder out{room};
  out.u8(kSequence).u8(length(all)).u8(kInteger).u8(1).u8(3);
  out.u8(kSequence).u8(length(global));
  out.bytes(request.subspan(at + data.header, id.size())).text(kGlobalTail);
  out.u8(kOctets).u8(length(2 + security)).u8(kSequence).u8(length(security));
  out.text(kEngine).text(kBootsToPrivacy);
  out.u8(kSequence).u8(length(scoped)).text(kEngine).u8(kOctets).u8(0).text(kReport);
  return out.size();
}

// RFC 3416: the request as a response, with the error noSuchName; RFC 3412 for version 3.
std::size_t snmp(Request request, Room room) noexcept {
  const Element message = element(request, 0);
  std::size_t at = message.header;
  const Element version = message.tag == kSequence ? element(request, at) : Element{};
  if (version.tag != kInteger || version.length != 1) return 0;
  const auto number = static_cast<unsigned>(request[at + 2]);
  at += version.size();
  if (number == 3) return snmp3(request, at, room);
  const Element community = element(request, at);
  at += community.size();
  const Element pdu = community.tag == kOctets ? element(request, at) : Element{};
  constexpr unsigned kGet = 0xa0;
  constexpr unsigned kGetNext = 0xa1;
  if ((pdu.tag != kGet && pdu.tag != kGetNext) || request.size() > kMostAnswer) return 0;
  const std::size_t status = at + pdu.header + element(request, at + pdu.header).size();
  if (element(request, status).length != 1 || status + 2 >= request.size()) return 0;
  const std::size_t size = Builder{room}.bytes(request).size();
  constexpr std::byte kResponse{0xa2};
  constexpr std::byte kNoSuchName{2};
  room[at] = kResponse;
  room[status + 2] = kNoSuchName;
  return size;
}

// RFC 1002 section 4.2.18: a node status response with one name.
std::size_t netbios(Request request, Room room) noexcept {
  constexpr std::size_t kQuery = 50;
  constexpr std::size_t kName = 34;
  if (request.size() < kQuery) return 0;
  return Builder{room}
      .bytes(request.first(2))
      .u16(0x8400)
      .u16(0)
      .u16(1)
      .u32(0)
      .bytes(request.subspan(12, kName))
      .u16(0x0021)
      .u16(1)
      .u32(0)
      .u16(25)
      .u8(1)
      .text("SIMHOST         ")
      .u16(0x0400)
      .u32(0x02530000)
      .u16(0)
      .size();
}

// UPnP Device Architecture 1.1, section 1.3.3.
std::size_t ssdp(Request request, Room room) noexcept {
  if (!text_of(request).starts_with("M-SEARCH ")) return 0;
  return Builder{room}
      .text(
          "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800\r\nEXT:\r\n"
          "SERVER: simnet UPnP/1.1\r\nST: upnp:rootdevice\r\n"
          "USN: uuid:02530000::upnp:rootdevice\r\n\r\n")
      .size();
}

// RFC 3261 section 8.2.6: the fields that a response copies from its request.
std::size_t sip(Request request, Room room) noexcept {
  std::string_view left = text_of(request);
  if (left.find("SIP/2.0\r\n") == std::string_view::npos) return 0;
  Builder out{room};
  out.text("SIP/2.0 200 OK\r\n");
  while (!left.empty()) {
    const std::size_t end = std::min(left.find("\r\n"), left.size());
    const std::string_view line = left.substr(0, end);
    left.remove_prefix(std::min(end + 2, left.size()));
    for (const std::string_view name : {"Via:", "From:", "To:", "Call-ID:", "CSeq:"}) {
      if (line.starts_with(name)) out.text(line).text("\r\n");
    }
  }
  return out.text("Content-Length: 0\r\n\r\n").size();
}

// RFC 7296 section 3.1: NO_PROPOSAL_CHOSEN, with the initiator's SPI.
std::size_t ike(Request request, Room room) noexcept {
  constexpr std::size_t kHeader = 28;
  if (request.size() < kHeader) return 0;
  return Builder{room}
      .bytes(request.first(8))
      .u32(0x02530000)
      .u32(0x00000001)
      .u8(41)
      .bytes(request.subspan(17, 2))
      .u8(0x20)
      .bytes(request.subspan(20, 4))
      .u32(36)
      .u32(0x00000008)
      .u32(0x0000000e)
      .size();
}

// RFC 1350: no such file.
std::size_t tftp(Request request, Room room) noexcept {
  if (request.size() < 4) return 0;
  return Builder{room}.u16(5).u16(1).text("File not found").u8(0).size();
}

// RFC 7252 section 3: an acknowledgement with the message's ID and token.
std::size_t coap(Request request, Room room) noexcept {
  if (request.size() < 4 || (request[0] & std::byte{0xc0}) != std::byte{0x40}) return 0;
  const auto token = static_cast<std::size_t>(request[0] & std::byte{0x0f});
  if (token > 8 || request.size() < 4 + token) return 0;
  return Builder{room}
      .u8(0x60 | static_cast<unsigned>(token))
      .u8(0x45)
      .bytes(request.subspan(2, 2 + token))
      .u8(0xff)
      .text("</>")
      .size();
}

// RFC 8489: a success response with the transaction's ID and the server's software.
std::size_t stun(Request request, Room room) noexcept {
  constexpr std::size_t kHeader = 20;
  if (request.size() < kHeader || wire::read16(request.data()) != 1) return 0;
  return Builder{room}
      .u16(0x0101)
      .u16(12)
      .bytes(request.subspan(4, 16))
      .u16(0x8022)
      .u16(6)
      .text("simnet")
      .u16(0)
      .size();
}

// The UDP frame of memcached's protocol.txt.
std::size_t memcached(Request request, Room room) noexcept {
  if (request.size() < 8) return 0;
  return Builder{room}
      .bytes(request.first(2))
      .u16(0)
      .u16(1)
      .u16(0)
      .text("VERSION 1.6.18\r\n")
      .size();
}

// RFC 9000 section 17.2.1: version negotiation, the connection IDs changed over.
std::size_t quic(Request request, Room room) noexcept {
  constexpr std::size_t kFixed = 6;
  constexpr std::size_t kLongestId = 20;
  if (request.size() < kFixed || (request[0] & std::byte{0x80}) == std::byte{0}) return 0;
  const auto to = static_cast<std::size_t>(request[5]);
  if (to > kLongestId || request.size() < kFixed + to + 1) return 0;
  const auto from = static_cast<std::size_t>(request[kFixed + to]);
  if (from > kLongestId || request.size() < kFixed + to + 1 + from) return 0;
  return Builder{room}
      .u8(0x80)
      .u32(0)
      .bytes(request.subspan(kFixed + to, 1 + from))
      .bytes(request.subspan(kFixed - 1, 1 + to))
      .u32(1)
      .u32(0x6b3343cf)
      .size();
}

// DSP0136 section 3.2.4.3: the pong to an ASF presence ping, with its tag.
std::size_t rmcp(Request request, Room room) noexcept {
  if (request.size() < 12) return 0;
  return Builder{room}
      .u32(0x0600ff06)
      .u32(0x000011be)
      .u8(0x40)
      .bytes(request.subspan(9, 1))
      .u16(0x0010)
      .u32(0x000011be)
      .u32(0)
      .u16(0x8100)
      .u32(0)
      .u16(0)
      .size();
}

// RFC 2865 section 3: an Access-Reject with the request's identifier. Its authenticator would be a
// digest with a secret that nobody shares; here it is the request's, turned around bit by bit.
std::size_t radius(Request request, Room room) noexcept {
  constexpr std::size_t kHeader = 20;
  constexpr std::byte kAccessRequest{1};
  if (request.size() < kHeader || request[0] != kAccessRequest) return 0;
  const std::size_t length = wire::read16(request.data() + 2);
  if (length < kHeader || length > request.size()) return 0;
  Builder out{room};
  out.u8(3).bytes(request.subspan(1, 1)).u16(kHeader);
  for (std::size_t at = 4; at < kHeader; ++at) {
    out.u8(static_cast<unsigned>(~request[at]));
  }
  return out.size();
}

struct Service {
  std::uint16_t port;
  std::size_t (*answer)(Request, Room) noexcept;
};

constexpr Service kServices[] = {
    {53, dns},   {69, tftp},  {123, ntp},     {137, netbios}, {161, snmp},        {443, quic},
    {500, ike},  {623, rmcp}, {1645, radius}, {1812, radius}, {1900, ssdp},       {3478, stun},
    {5060, sip}, {5353, dns}, {5355, dns},    {5683, coap},   {11211, memcached},
};

}  // namespace

std::size_t answer_udp(std::uint16_t port, std::span<const std::byte> request,
                       std::span<std::byte, kMostAnswer> answer) noexcept {
  for (const Service& service : kServices) {
    if (service.port != port) continue;
    if (const std::size_t size = service.answer(request, answer); size != 0) return size;
  }
  return Builder{answer}.bytes(request).size();
}

}  // namespace trawl::simnet
