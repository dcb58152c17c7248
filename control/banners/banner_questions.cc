#include "control/banners/banner_questions.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <utility>

#include "control/banners/client_hello.h"

namespace trawl::control {
namespace {

using dataplane::ConversationPlan;
using service::Probe;
using service::ProbeFile;
using service::Transport;

constexpr std::string_view kGet = "GET / HTTP/1.0\r\n\r\n";     // RFC 1945 section 5.
constexpr std::size_t kMostPayloads = 250 - kMostOwnQuestions;  // Of the file.

// By the service name and port number registry: daytime, qotd, chargen, FTP (RFC 959), SSH (RFC
// 4253), Telnet (RFC 854), SMTP (RFC 5321) and submission, time, POP3 (RFC 1939), NNTP (RFC 3977),
// IMAP (RFC 9051), ACAP, rsync, MySQL, ManageSieve (RFC 5804), VNC (RFC 6143), and where the same
// are put out of the way of others.
constexpr std::array<std::uint16_t, 34> kServersFirst{
    13,   17,   19,   21,   22,   23,   24,   25,   26,    37,   110,  119,
    143,  587,  674,  873,  2021, 2121, 2222, 2323, 2525,  3306, 3307, 4190,
    5900, 5901, 5902, 5903, 8021, 8022, 8222, 9922, 22222, 33060};
static_assert(std::ranges::is_sorted(kServersFirst));

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span{text});
  return {bytes.begin(), bytes.end()};
}

// Says nothing in particular, to whoever may understand: comes after whatever says more.
bool is_generic(const Probe& probe) noexcept {
  return probe.name == "GenericLines" || probe.name == "Help";
}

class Chooser {
 public:
  Chooser(const ProbeFile& file, ByteCount most_bytes, std::uint8_t ttl);
  [[nodiscard]] BannerQuestions choose(std::span<const OwnQuestion> own);

 private:
  [[nodiscard]] std::uint8_t add(std::size_t probe, std::string name, std::vector<std::byte> bytes);
  [[nodiscard]] std::uint8_t payload_of(std::size_t probe);
  [[nodiscard]] bool is_tls_port(std::uint16_t port) const noexcept;
  void choose(std::uint16_t port);
  void put_first(const OwnQuestion& own);

  const ProbeFile& file_;
  std::shared_ptr<ConversationPlan> plan_ = std::make_shared<ConversationPlan>();
  std::vector<BannerQuestions::Payload> payloads_;
  std::vector<std::size_t> candidates_;  // Probes that may be asked first, in their order.
  std::vector<std::uint8_t> made_;       // The payload of each probe of the file, 0 for none yet.
  const Probe* hello_probe_ = nullptr;   // The first that opens a TLS connection.
  std::uint8_t get_ = 0;
  std::uint8_t hello_ = 0;
};

Chooser::Chooser(const ProbeFile& file, ByteCount most_bytes, std::uint8_t ttl)
    : file_{file}, made_(file.probes.size(), 0) {
  plan_->most_bytes = most_bytes;
  plan_->ttl = ttl;
  const std::size_t null = file.null_probe.value_or(file.probes.size());
  payloads_.push_back({.probe = null, .name = {}});
  std::size_t get = null;
  std::size_t hello = null;
  for (std::size_t i = 0; i < file.probes.size(); ++i) {
    const Probe& probe = file.probes[i];
    if (probe.transport != Transport::Tcp || probe.payload.empty()) continue;
    if (probe.name == "GetRequest") get = i;
    if (is_client_hello(probe.payload)) {
      if (hello_probe_ == nullptr) {
        hello_probe_ = &probe;
        hello = i;
      }
      continue;
    }
    if (probe.payload.size() <= ConversationPlan::kMostPayload) candidates_.push_back(i);
  }
  get_ = get == null ? add(null, "GetRequest", bytes_of(kGet)) : payload_of(get);
  hello_ = add(hello, hello_probe_ != nullptr ? hello_probe_->name : "ClientHello", client_hello());
}

std::uint8_t Chooser::add(std::size_t probe, std::string name, std::vector<std::byte> bytes) {
  payloads_.push_back({.probe = probe, .name = std::move(name)});
  plan_->payloads.push_back(std::move(bytes));
  return static_cast<std::uint8_t>(payloads_.size() - 1);
}

// 0 when there are too many.
std::uint8_t Chooser::payload_of(std::size_t probe) {
  if (made_[probe] == 0 && payloads_.size() < kMostPayloads) {
    made_[probe] = add(probe, file_.probes[probe].name, bytes_of(file_.probes[probe].payload));
  }
  return made_[probe];
}

bool Chooser::is_tls_port(std::uint16_t port) const noexcept {
  if (hello_probe_ == nullptr || !hello_probe_->ports.contains(port)) return false;
  return std::ranges::any_of(file_.probes, [port](const Probe& probe) {
    return probe.transport == Transport::Tcp && probe.tls_ports.contains(port) &&
           (!probe.ports.contains(port) || probe.name == "GetRequest");
  });
}

void Chooser::choose(std::uint16_t port) {
  std::uint8_t& first = plan_->first[port];
  std::uint8_t& second = plan_->second[port];
  if (file_.excluded_tcp.contains(port)) return;
  const bool may_be_tls = hello_probe_ != nullptr && hello_probe_->ports.contains(port);
  if (server_speaks_first(port)) {
    second = may_be_tls ? hello_ : get_;
    return;
  }
  if (is_tls_port(port)) {
    first = hello_;
    second = get_;
    return;
  }
  for (const bool generic : {false, true}) {
    for (const std::size_t probe : candidates_) {
      if (is_generic(file_.probes[probe]) != generic) continue;
      if (first == 0 && file_.probes[probe].ports.contains(port)) first = payload_of(probe);
    }
    if (first == 0 && may_be_tls) first = hello_;
  }
  if (first == 0) first = get_;
  second = first == get_ ? hello_ : get_;
}

void Chooser::put_first(const OwnQuestion& own) {
  std::size_t lines = payloads_[0].probe;
  const std::string_view line = std::string_view{own.bytes}.substr(0, own.bytes.find('\n'));
  if (is_client_hello(own.bytes)) {
    lines = payloads_[hello_].probe;
  } else if (line.find(" HTTP/1.") != std::string_view::npos) {
    lines = payloads_[get_].probe;
  }
  const std::uint8_t payload = add(lines, own.name, bytes_of(own.bytes));
  for (const std::uint16_t port : own.ports) {
    std::uint8_t& first = plan_->first[port];
    std::uint8_t& second = plan_->second[port];
    if (first == 0 && second == 0) second = payload;
    if (first != 0) second = first;
    first = payload;
  }
}

BannerQuestions Chooser::choose(std::span<const OwnQuestion> own) {
  for (unsigned port = 0; port < ConversationPlan::kPorts; ++port) {
    choose(static_cast<std::uint16_t>(port));
  }
  for (const OwnQuestion& each : own) put_first(each);
  return {.plan = std::move(plan_), .payloads = std::move(payloads_)};
}

}  // namespace

bool server_speaks_first(std::uint16_t port) noexcept {
  return std::ranges::binary_search(kServersFirst, port);
}

bool is_client_hello(std::string_view payload) noexcept {
  return payload.size() > 5 && payload[0] == '\x16' && payload[1] == '\x03' && payload[5] == '\x01';
}

BannerQuestions make_questions(const ProbeFile& file, ByteCount most_bytes, std::uint8_t ttl,
                               std::span<const OwnQuestion> own) {
  return Chooser{file, most_bytes, ttl}.choose(own);
}

}  // namespace trawl::control
