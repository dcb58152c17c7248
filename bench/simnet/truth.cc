#include "bench/simnet/truth.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <iterator>

#include "bench/simnet/talk_truth.h"

namespace trawl::simnet {
namespace {

constexpr std::size_t kFlushAt = std::size_t{1} << 18U;

// Appends lines to one buffer and writes it in large pieces.
class LineWriter {
 public:
  LineWriter(TruthFormat format, bool tells_talk, bool tells_family, bool tells_os, std::FILE* out)
      : format_{format},
        tells_talk_{tells_talk},
        tells_family_{tells_family},
        tells_os_{tells_os},
        out_{out} {}

  void header() {
    if (format_ != TruthFormat::Csv) return;
    append("ip,port,state");
    if (tells_talk_) append(",talk,class,banner_bytes,banner_sha256");
    if (tells_family_) append(",family");
    if (tells_os_) append(",os_line,os");
    append("\n");
  }
  template <typename Address>
  void start_address(Address address, const Personality* personality) {
    address_ = address.to_string();
    os_.clear();
    if (personality != nullptr) {
      os_ = format_ == TruthFormat::Csv
                ? fmt::format(",{},{}", personality->entry->line, quoted(personality->entry->name))
                : fmt::format(",\"os_line\":{},\"os\":{}", personality->entry->line,
                              quoted(personality->entry->name));
    } else if (tells_os_ && format_ == TruthFormat::Csv) {
      os_ = ",,";
    }
  }
  void line(std::uint16_t port, Finding finding, const std::optional<PortTruth>& behind,
            std::string_view family) {
    const std::string_view state = kFindings[static_cast<std::size_t>(finding)];
    auto into = std::back_inserter(buffer_);
    if (format_ == TruthFormat::Csv) {
      fmt::format_to(into, FMT_COMPILE("{},{},{}"), address_, port, state);
      if (behind) {
        fmt::format_to(into, FMT_COMPILE(",{},{},{},{}"), to_string(behind->talk),
                       trawl::to_string(class_of(behind->talk)), behind->banner_bytes,
                       behind->banner_sha256);
      } else if (tells_talk_) {
        append(",,,,");
      }
      if (tells_family_) fmt::format_to(into, FMT_COMPILE(",{}"), family);
      append(os_);
      append("\n");
      return;
    }
    fmt::format_to(into, FMT_COMPILE("{{\"ip\":\"{}\",\"port\":{},\"state\":\"{}\""), address_,
                   port, state);
    if (behind) {
      fmt::format_to(into, FMT_COMPILE(",\"talk\":\"{}\",\"class\":\"{}\""),
                     to_string(behind->talk), trawl::to_string(class_of(behind->talk)));
      if (behind->banner_bytes > 0) {
        fmt::format_to(into, FMT_COMPILE(",\"banner_bytes\":{},\"banner_sha256\":\"{}\""),
                       behind->banner_bytes, behind->banner_sha256);
      }
      if (!behind->banner_hex.empty()) {
        fmt::format_to(into, FMT_COMPILE(",\"banner_hex\":\"{}\""), behind->banner_hex);
      }
    }
    if (!family.empty()) fmt::format_to(into, FMT_COMPILE(",\"family\":\"{}\""), family);
    append(os_);
    append("}\n");
  }
  // False when the output failed.
  bool flush_if_full() { return buffer_.size() < kFlushAt || flush(); }
  bool flush() {
    const bool written = std::fwrite(buffer_.data(), 1, buffer_.size(), out_) == buffer_.size();
    buffer_.clear();
    return written;
  }

 private:
  // In quotation marks, as both formats take it.
  [[nodiscard]] std::string quoted(std::string_view text) const {
    std::string out{'"'};
    for (const char letter : text) {
      if (letter == '"') out += format_ == TruthFormat::Csv ? '"' : '\\';
      if (letter == '\\' && format_ == TruthFormat::Jsonl) out += '\\';
      out += letter;
    }
    return out + '"';
  }
  void append(std::string_view text) { buffer_.append(text.data(), text.data() + text.size()); }

  TruthFormat format_;
  bool tells_talk_;
  bool tells_family_;
  bool tells_os_;
  std::FILE* out_;
  std::string address_;
  std::string os_;  // What lines of the address say of it.
  fmt::memory_buffer buffer_;
};

bool tells_talk(const Population& population, const TruthRequest& request) {
  return population.options().talk.is_on() && request.probe == TruthProbe::TcpSyn;
}

bool tells_family(const Population& population, const TruthRequest& request) {
  return population.families() != nullptr && request.probe == TruthProbe::TcpSyn;
}

template <typename Address>
void write_host(LineWriter& writer, const Population& population, const TruthRequest& request,
                Address address, const Host& host, const Personality* personality) {
  if (host.presence == Presence::Dead) return;
  bool is_started = false;
  for (const std::uint16_t port : request.ports) {
    const auto finding = truth_of(population, host, personality, request.probe, port);
    if (!finding || !request.findings[static_cast<std::size_t>(*finding)]) continue;
    if (!is_started) writer.start_address(address, personality);
    is_started = true;
    const bool converses = *finding == Finding::Open && tells_talk(population, request) &&
                           host.presence == Presence::Live;
    const bool has_family = *finding == Finding::Open && tells_family(population, request) &&
                            host.presence == Presence::Live;
    writer.line(port, *finding,
                converses ? std::optional{port_truth(population, host, port)} : std::nullopt,
                has_family ? population.families()->family(host.draw, port) : std::string_view{});
  }
}

bool is_silent(const Personality& personality, TruthProbe probe, PortAnswer port) noexcept {
  const bool is_open = port == PortAnswer::Open;
  if (probe == TruthProbe::Udp) return !is_open && !personality.unreachable.answers;
  const auto like = is_open ? Personality::T4 : Personality::T6;
  return probe == TruthProbe::TcpAck && !personality.segments[like].answers;
}

Failure output_failed() {
  return fail(ExitCode::Output, fmt::format("cannot write the truth: {}", std::strerror(errno)));
}

}  // namespace

Finding sought(TruthProbe probe) noexcept {
  if (!has_ports(probe)) return Finding::Up;
  return probe == TruthProbe::TcpAck ? Finding::Unfiltered : Finding::Open;
}

std::optional<Finding> truth_of(const Population& population, const Host& host,
                                const Personality* personality, TruthProbe probe,
                                std::uint16_t port) noexcept {
  static_assert(static_cast<int>(PortState::Unreachable) == static_cast<int>(Finding::Unreachable));
  if (probe == TruthProbe::TcpSyn) {
    const auto state = population.truth(host, port);
    if (!state) return std::nullopt;
    return static_cast<Finding>(*state);
  }
  if (host.presence == Presence::Unreachable) return Finding::Unreachable;
  if (host.presence != Presence::Live && host.presence != Presence::Router) return std::nullopt;
  if (!has_ports(probe)) {
    if (personality == nullptr || personality->echo.answers) return Finding::Up;
    return std::nullopt;
  }
  const PortAnswer answer =
      probe == TruthProbe::Udp ? population.udp_port(host, port) : population.port(host, port);
  if (answer == PortAnswer::Dropped) return std::nullopt;
  if (personality != nullptr && is_silent(*personality, probe, answer)) return std::nullopt;
  if (probe == TruthProbe::TcpAck) return Finding::Unfiltered;
  return answer == PortAnswer::Open ? Finding::Open : Finding::Closed;
}

Result<void> write_truth(const Population& population, const TruthRequest& request,
                         std::FILE* out) {
  // Servers and the router's own addresses may lie outside every simulated prefix.
  Ipv4Set addresses;
  const auto add = [&](Ipv4Address address) {
    addresses.add(Ipv4Prefix{address, Ipv4Address::kBits});
  };
  const PopulationOptions& options = population.options();
  for (const auto& interval : population.intervals()) addresses.add(interval);
  for (const FixedHost& server : options.servers) add(server.address);
  for (const Ipv4Address gateway : options.gateways) add(gateway);
  if (options.uplink_address) add(*options.uplink_address);
  LineWriter writer{request.format, tells_talk(population, request),
                    tells_family(population, request), options.personality.is_on(), out};
  writer.header();
  for (const auto& interval : addresses.intervals()) {
    for (std::uint64_t value = interval.first.value(); value <= interval.last.value(); ++value) {
      const Ipv4Address address{static_cast<std::uint32_t>(value)};
      const Host host = population.host(address);
      write_host(writer, population, request, address, host, population.personality(host, address));
      if (!writer.flush_if_full()) return output_failed();
    }
  }
  // IPv6 hosts answer SYNs, ACKs and echo requests.
  const Population6& ipv6 = population.ipv6_hosts();
  const bool is_asked =
      request.probe != TruthProbe::Udp && request.probe != TruthProbe::IcmpTimestamp;
  for (const Ipv6Address address : is_asked ? ipv6.addresses() : std::span<const Ipv6Address>{}) {
    write_host(writer, population, request, address, Host{Presence::Live, ipv6.draw(address), {}},
               nullptr);
    if (!writer.flush_if_full()) return output_failed();
  }
  if (!writer.flush() || std::fflush(out) != 0) return output_failed();
  return {};
}

}  // namespace trawl::simnet
