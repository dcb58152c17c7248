#include "dataplane/udp_payloads.h"

#include <algorithm>

#include "dataplane/wire.h"

namespace trawl::dataplane {
namespace {

constexpr std::size_t kPorts = std::size_t{1} << 16U;

std::uint8_t byte_at(std::span<const std::byte> bytes, std::size_t at) noexcept {
  return static_cast<std::uint8_t>(bytes[at]);
}

// The value of a hex digit, 16 for anything else.
constexpr std::uint32_t hex_value(std::uint8_t c) noexcept {
  if (c >= '0' && c <= '9') return c - std::uint32_t{'0'};
  const std::uint8_t lower = c | 0x20U;
  return lower >= 'a' && lower <= 'f' ? lower - std::uint32_t{'a'} + 10 : 16;
}

std::optional<std::uint32_t> read_hex(std::span<const std::byte> digits) noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const std::uint32_t digit = hex_value(byte_at(digits, i));
    if (digit > 15) return std::nullopt;
    value = value << 4U | digit;
  }
  return value;
}

// Takes BER apart (X.690 section 8.1), definite lengths of at most two bytes only: no SNMP message
// fits into a datagram otherwise.
class BerReader {
 public:
  explicit BerReader(std::span<const std::byte> bytes) noexcept : bytes_{bytes} {}

  // The contents of the next element, which must have this tag.
  [[nodiscard]] std::optional<std::span<const std::byte>> take(std::uint8_t tag) noexcept {
    if (bytes_.size() < 2 || byte_at(bytes_, 0) != tag) return std::nullopt;
    std::size_t length = byte_at(bytes_, 1);
    std::size_t header = 2;
    if (length >= 0x80) {
      const std::size_t more = length - 0x80;
      if (more == 0 || more > 2 || bytes_.size() < header + more) return std::nullopt;
      length = more == 1 ? byte_at(bytes_, 2) : wire::read16(bytes_.data() + 2);
      header += more;
    }
    if (bytes_.size() - header < length) return std::nullopt;
    const auto contents = bytes_.subspan(header, length);
    bytes_ = bytes_.subspan(header + length);
    return contents;
  }
  // The tag of the next element, 0 at the end.
  [[nodiscard]] std::uint8_t tag() const noexcept {
    return bytes_.empty() ? std::uint8_t{0} : byte_at(bytes_, 0);
  }

 private:
  std::span<const std::byte> bytes_;
};

// The request-id of an SNMPv1 or v2c response, or the msgID of a v3 message.
std::optional<std::uint32_t> snmp_id(std::span<const std::byte> message) noexcept {
  constexpr std::uint8_t kInteger = 0x02;
  constexpr std::uint8_t kOctets = 0x04;
  constexpr std::uint8_t kSequence = 0x30;
  constexpr std::uint8_t kResponse = 0xa2;
  const auto whole = BerReader{message}.take(kSequence);
  if (!whole) return std::nullopt;
  BerReader fields{*whole};
  if (const auto version = fields.take(kInteger); !version || version->size() != 1) {
    return std::nullopt;
  }
  std::optional<std::span<const std::byte>> inner;
  if (fields.tag() == kSequence) {
    inner = fields.take(kSequence);
  } else if (fields.take(kOctets)) {
    inner = fields.take(kResponse);
  }
  if (!inner) return std::nullopt;
  const auto id = BerReader{*inner}.take(kInteger);
  if (!id || id->size() != size_of(UdpField::Id30)) return std::nullopt;
  return wire::read32(id->data());
}

// Runs the steps of one form over one payload.
class ReplyReader {
 public:
  explicit ReplyReader(std::span<const std::byte> payload) noexcept : left_{payload} {}

  [[nodiscard]] bool run(std::span<const UdpReplyStep> steps, UdpAnswer& answer) noexcept {
    return std::ranges::all_of(
        steps, [&](const UdpReplyStep& step) noexcept { return run_step(step, answer); });
  }

 private:
  bool run_step(const UdpReplyStep& step, UdpAnswer& answer) noexcept {
    switch (step.kind) {
      case UdpReplyStep::Kind::Skip: return advance(step.count);
      case UdpReplyStep::Kind::Bytes:
        return left_.size() >= step.bytes.size() &&
               std::equal(step.bytes.begin(), step.bytes.end(), left_.begin()) &&
               advance(step.bytes.size());
      case UdpReplyStep::Kind::Find: {
        const auto found =
            std::search(left_.begin(), left_.end(), step.bytes.begin(), step.bytes.end());
        return found != left_.end() &&
               advance(static_cast<std::size_t>(found - left_.begin()) + step.bytes.size());
      }
      case UdpReplyStep::Kind::Field: return read_field(step.field, answer);
      case UdpReplyStep::Kind::Snmp: {
        const auto id = snmp_id(left_);
        if (!id) return false;
        answer.sequence = *id;
        answer.sequence_mask = mask_of(UdpField::Id30);
        return true;
      }
    }
    return false;
  }
  bool advance(std::size_t count) noexcept {
    if (left_.size() < count) return false;
    left_ = left_.subspan(count);
    return true;
  }
  bool read_field(UdpField field, UdpAnswer& answer) noexcept {
    const std::size_t size = size_of(field);
    if (left_.size() < size) return false;
    const std::byte* const at = left_.data();
    std::optional<std::uint32_t> value;
    switch (field) {
      case UdpField::Id7:
        if (byte_at(left_, 0) > mask_of(field)) return false;
        value = byte_at(left_, 0);
        break;
      case UdpField::Id16: value = wire::read16(at); break;
      case UdpField::IdHex: value = read_hex(left_.first(size)); break;
      default: value = wire::read32(at); break;
    }
    if (!value) return false;
    if (field == UdpField::Stamp) {
      answer.stamp = *value;
    } else {
      answer.sequence = *value;
      answer.sequence_mask = mask_of(field);
    }
    return advance(size);
  }

  std::span<const std::byte> left_;
};

}  // namespace

UdpPayloads::UdpPayloads(std::span<const UdpPayload> payloads,
                         std::span<const std::uint16_t> probed)
    : payloads_(1), index_(kPorts), probed_(kPorts) {
  for (const std::uint16_t port : probed) probed_[port] = true;
  for (const UdpPayload& payload : payloads) {
    std::vector<std::uint16_t> ports = payload.ports;
    std::erase_if(ports, [this](std::uint16_t port) { return !probed_[port]; });
    if (ports.empty()) continue;
    for (const std::uint16_t port : ports) {
      index_[port] = static_cast<std::uint16_t>(payloads_.size());
    }
    payloads_.push_back(payload);
    payloads_.back().ports = std::move(ports);
  }
  for (std::size_t i = 1; i < payloads_.size(); ++i) {
    const bool in_use = index_[payloads_[i].ports.front()] == i;
    if (payloads_[i].any_port && in_use) any_port_.push_back(i);
  }
}

std::optional<UdpAnswer> UdpPayloads::read_reply(
    std::uint16_t port, std::span<const std::byte> payload) const noexcept {
  const auto read = [payload](const UdpPayload& sent, std::uint16_t to) noexcept {
    UdpAnswer answer{.port = to};
    const bool is_reply = ReplyReader{payload}.run(sent.reply, answer);
    return is_reply ? std::optional{answer} : std::nullopt;
  };
  if (probed_[port]) return read(payloads_[index_[port]], port);
  for (const std::size_t i : any_port_) {
    if (const auto answer = read(payloads_[i], payloads_[i].ports.front())) return answer;
  }
  return std::nullopt;
}

}  // namespace trawl::dataplane
