#include "bench/simnet/population.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace trawl::simnet {
namespace {

using std::chrono::nanoseconds;

// A share as a threshold of 31-bit draws, so that 0 is never and 1 is always.
std::uint32_t threshold(double share) {
  return static_cast<std::uint32_t>(std::llround(share * 2147483648.0));
}

// By port.
std::vector<std::uint32_t> thresholds(const std::vector<PortDensity>& densities, double other) {
  constexpr std::size_t kPorts = 65536;
  std::vector<std::uint32_t> out(kPorts, threshold(other));
  for (const PortDensity& density : densities) {
    std::fill(out.begin() + density.first, out.begin() + density.last + 1,
              threshold(density.share));
  }
  return out;
}

constexpr std::uint32_t low31(std::uint64_t draw) noexcept {
  return static_cast<std::uint32_t>(draw & 0x7fffffffU);
}
constexpr std::uint32_t high31(std::uint64_t draw) noexcept {
  return static_cast<std::uint32_t>(draw >> 33U);
}

// Independent traits of a host come from draws with different salts.
constexpr std::uint64_t kTtlSalt = 0x101;
constexpr std::uint64_t kRttSalt = 0x202;
constexpr std::uint64_t kLimitSalt = 0x303;
constexpr std::uint64_t kStormSalt = 0x404;
constexpr std::uint64_t kResetFirstSalt = 0x505;
constexpr std::uint64_t kUdpSalt = 0x606;
constexpr std::uint64_t kUdpDropSalt = 0x707;
constexpr std::uint64_t kUdpSilentSalt = 0x808;
constexpr std::uint64_t kTalkSalt = 0xa0a;

constexpr std::uint64_t salted(std::uint64_t draw, std::uint64_t salt) noexcept {
  return mix64(draw ^ (salt << 32U));
}

void fill_defaults(PopulationOptions& options) {
  if (options.prefixes.empty()) {
    options.prefixes.push_back(Ipv4Prefix{Ipv4Address{0xc6120000}, 15});
  }
  if (options.open.empty()) {
    options.open = {{80, 80, 0.3}, {443, 443, 0.35}, {22, 22, 0.2}};
  }
  if (options.udp_open.empty()) {
    options.udp_open = {{53, 53, 0.05}, {123, 123, 0.05}, {161, 161, 0.03}};
  }
  constexpr unsigned kSmallestRoutedLength = 30;
  const Ipv4Prefix& first = options.prefixes.front();
  if (options.gateways.empty() && first.length() <= kSmallestRoutedLength) {
    options.gateways.push_back(Ipv4Address{first.first().value() + 2});
  }
}

bool holds(const std::vector<Ipv4Prefix>& prefixes, Ipv4Address address) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const Ipv4Prefix& prefix) { return prefix.contains(address); });
}

Result<void> check(const PopulationOptions& options) {
  if (auto in = check_way(options.way_in, "in"); !in) return in;
  if (auto out = check_way(options.way_out, "out"); !out) return out;
  if (options.unreachable > 0 && options.gateways.empty()) {
    return fail(ExitCode::Usage,
                "ICMP errors need an address to come from: give --gateway or --unreachable 0");
  }
  if (!options.talk.ports.empty() && !options.talk.is_given) {
    return fail(ExitCode::Usage, "--talk-ports needs --talk");
  }
  if (!options.families.empty() && options.talk.is_given) {
    return fail(ExitCode::Usage,
                "--families shapes SYN-ACKs of ports that answer SYNs only: leave "
                "--talk out");
  }
  if (!options.families.empty() && options.personality.is_on()) {
    return fail(ExitCode::Usage, "--families and --personality both say what hosts are: give one");
  }
  if (options.forwarded > 0 && options.families.empty()) {
    return fail(ExitCode::Usage, "--forwarded needs --families");
  }
  if (!options.forward.empty() && !options.uplink_address) {
    return fail(ExitCode::Usage, "--forward needs --uplink-address");
  }
  for (const FixedHost& server : options.servers) {
    if (holds(options.forward, server.address)) continue;
    return fail(ExitCode::Usage,
                fmt::format("--server {} lies in no --forward prefix", server.address.to_string()));
  }
  for (const FixedHost& host : options.fixed) {
    if (holds(options.prefixes, host.address)) continue;
    return fail(ExitCode::Usage,
                fmt::format("--static {} lies in no --prefix", host.address.to_string()));
  }
  return {};
}

}  // namespace

Result<Population> Population::make(PopulationOptions options) {
  fill_defaults(options);
  if (Result<void> checked = check(options); !checked) return tl::unexpected{checked.error()};
  Ipv4Set set;
  for (const Ipv4Prefix& prefix : options.prefixes) set.add(prefix);
  Population population{std::move(options), set};
  if (auto added = population.add_personalities(); !added) return tl::unexpected{added.error()};
  const PopulationOptions& own = population.options();
  if (own.families.empty()) return population;
  auto families = Families::read(own.families, own.forwarded);
  if (!families) return tl::unexpected{families.error()};
  population.families_ = std::make_shared<const Families>(std::move(*families));
  return population;
}

Population::Population(PopulationOptions options, const Ipv4Set& set)
    : options_{std::move(options)}, set_{set}, addresses_{set_}, ipv6_hosts_{options_} {
  const auto intervals = set_.intervals();
  bounds_ = {intervals.front().first, intervals.back().last};
  is_one_interval_ = intervals.size() == 1;
  is_complex_ = !is_one_interval_ || !options_.forward.empty() || options_.talk.middlebox > 0;
  seed_key_ = mix64(options_.seed);
  live_ = threshold(options_.live);
  drop_ = threshold(options_.drop);
  unreachable_ = threshold(options_.unreachable);
  limited_ = threshold(options_.limited);
  storm_ = threshold(options_.storm.share);
  reset_first_ = threshold(options_.reset_first.share);
  udp_drop_ = threshold(options_.udp_drop);
  open_ = thresholds(options_.open, options_.open_default);
  udp_open_ = thresholds(options_.udp_open, options_.udp_open_default);
  if (!options_.udp_silent.empty()) udp_silent_ = thresholds(options_.udp_silent, 0);
  add_talk();
  add_specials();
}

Result<void> Population::add_personalities() {
  const PersonalityOptions& wanted = options_.personality;
  if (!wanted.is_on()) {
    if (wanted.hosts.empty() && wanted.hops == 0) return {};
    return fail(ExitCode::Usage, "--personality-hosts and --personality-hops need --personality");
  }
  auto set = PersonalitySet::make(wanted);
  if (!set) return tl::unexpected{set.error()};
  if (!set->has_list()) {
    set->add_drawn(options_.seed, addresses_.size());
  } else if (auto added = set->add_listed(options_.seed); !added) {
    return added;
  }
  for (const ListedPersonality& one : set->listed()) {
    if (!is_inside(one.address)) {
      return fail(ExitCode::BadInput,
                  fmt::format("{}: {} lies in no --prefix", wanted.hosts, one.address.to_string()));
    }
    specials_.push_back({one.address, Presence::Live, {}, false});
  }
  sort_specials();
  personalities_ = std::make_shared<const PersonalitySet>(std::move(*set));
  return {};
}

const Personality* Population::find_personality(const Host& host,
                                                Ipv4Address address) const noexcept {
  if (host.presence != Presence::Live || host.is_middlebox) return nullptr;
  const auto number = addresses_.rank(address);
  return number ? personalities_->find(address, *number) : nullptr;
}

void Population::add_talk() {
  constexpr std::size_t kPorts = 65536;
  const TalkOptions& talk = options_.talk;
  middlebox_ = threshold(talk.middlebox);
  double sum = 0;
  for (std::size_t i = 0; i < kTalks; ++i) {
    sum = std::min(1.0, sum + talk.shares[i]);
    talk_[i] = threshold(sum);
  }
  if (talk.ports.empty()) return;
  talk_ports_.resize(kPorts);
  for (const TalkPorts& ports : talk.ports) {
    std::fill(talk_ports_.begin() + ports.first, talk_ports_.begin() + ports.last + 1,
              TalkPort{ports.talk, threshold(ports.share)});
  }
}

void Population::add_specials() {
  // Where rules for one address meet, the first wins.
  for (const Ipv4Address silent : options_.silent) {
    specials_.push_back({silent, Presence::Silent, {}, true});
  }
  for (const FixedHost& host : options_.fixed) {
    specials_.push_back({host.address, Presence::Live, host.open_ports, true});
  }
  for (const FixedHost& host : options_.servers) {
    specials_.push_back({host.address, Presence::Forwarded, host.open_ports, true});
  }
  for (const Ipv4Address gateway : options_.gateways) {
    specials_.push_back({gateway, Presence::Router, {}, true});
  }
  if (options_.uplink_address) {
    specials_.push_back({*options_.uplink_address, Presence::Router, {}, true});
  }
  sort_specials();
}

void Population::sort_specials() {
  std::stable_sort(specials_.begin(), specials_.end(),
                   [](const Special& a, const Special& b) { return a.address < b.address; });
  for (const Special& special : specials_) {
    filter_.set(static_cast<std::size_t>(draw(special.address) % kFilterBits));
  }
}

const Population::Special* Population::special(Ipv4Address address) const noexcept {
  const auto found =
      std::lower_bound(specials_.begin(), specials_.end(), address,
                       [](const Special& s, Ipv4Address a) { return s.address < a; });
  return found != specials_.end() && found->address == address ? &*found : nullptr;
}

Host Population::special_host(Ipv4Address address, std::uint64_t drawn) const noexcept {
  if (const Special* found = special(address); found != nullptr) {
    return Host{found->presence, drawn, found->open_ports, found->fixed};
  }
  return complex_host(address, drawn);
}

PortAnswer Population::port(const Host& host, std::uint16_t port) const noexcept {
  if (host.is_middlebox) [[unlikely]]
    return PortAnswer::Open;
  if (host.is_fixed) {
    const auto& ports = host.fixed_ports;
    return std::binary_search(ports.begin(), ports.end(), port) ? PortAnswer::Open
                                                                : PortAnswer::Closed;
  }
  if (low31(mix64(host.draw ^ (std::uint64_t{port} << 48U))) < open_[port]) return PortAnswer::Open;
  return high31(host.draw) < drop_ ? PortAnswer::Dropped : PortAnswer::Closed;
}

PortAnswer Population::udp_port(const Host& host, std::uint16_t port) const noexcept {
  if (host.is_fixed) return PortAnswer::Closed;
  if (host.is_middlebox) return PortAnswer::Dropped;
  if (!udp_silent_.empty() && low31(salted(host.draw + port, kUdpSilentSalt)) < udp_silent_[port]) {
    return PortAnswer::Dropped;
  }
  if (low31(salted(host.draw + port, kUdpSalt)) < udp_open_[port]) return PortAnswer::Open;
  return low31(salted(host.draw, kUdpDropSalt)) < udp_drop_ ? PortAnswer::Dropped
                                                            : PortAnswer::Closed;
}

Talk Population::talk(const Host& host, std::uint16_t port) const noexcept {
  if (host.is_middlebox) return Talk::Middlebox;
  const std::uint64_t drawn = salted(host.draw + port, kTalkSalt);
  const auto found = std::find_if(talk_.begin(), talk_.end(), [drawn](std::uint32_t threshold) {
    return low31(drawn) < threshold;
  });
  if (found == talk_.end()) return Talk::Silent;
  const auto talk = static_cast<Talk>(found - talk_.begin());
  if (talk_ports_.empty() || !is_service(talk)) return talk;
  const TalkPort& bound = talk_ports_[port];
  return high31(drawn) < bound.share ? bound.talk : talk;
}

std::optional<PortState> Population::truth(const Host& host, std::uint16_t port) const noexcept {
  switch (host.presence) {
    case Presence::Outside:
    case Presence::Silent:
    case Presence::Dead: return std::nullopt;
    case Presence::Unreachable: return PortState::Unreachable;
    case Presence::Forwarded:
      if (!host.is_fixed) return std::nullopt;
      break;
    case Presence::Live:
    case Presence::Router: break;
  }
  switch (this->port(host, port)) {
    case PortAnswer::Open: return PortState::Open;
    case PortAnswer::Closed: return PortState::Closed;
    case PortAnswer::Dropped: return std::nullopt;
  }
  return std::nullopt;
}

std::uint8_t Population::ttl(const Host& host) const noexcept {
  constexpr std::uint8_t kInitial[] = {64, 64, 64, 64, 64, 128, 128, 255};
  constexpr std::uint64_t kMostHops = 20;
  if (host.presence == Presence::Router) return kInitial[0];
  const std::uint64_t drawn = salted(host.draw, kTtlSalt);
  return static_cast<std::uint8_t>(kInitial[drawn % std::size(kInitial)] - 1 -
                                   (drawn >> 32U) % kMostHops);
}

nanoseconds Population::rtt(const Host& host) const noexcept {
  if (host.presence == Presence::Router) return nanoseconds{0};
  const nanoseconds span = options_.rtt_max - options_.rtt_min;
  if (span.count() == 0) return options_.rtt_min;
  const auto drawn = salted(host.draw, kRttSalt) % static_cast<std::uint64_t>(span.count());
  return options_.rtt_min + nanoseconds{static_cast<std::int64_t>(drawn)};
}

bool Population::is_rate_limited(const Host& host) const noexcept {
  return limited_ != 0 && host.presence == Presence::Live &&
         low31(salted(host.draw, kLimitSalt)) < limited_;
}

unsigned Population::repeats(const Host& host) const noexcept {
  constexpr double kDraws = 4294967296.0;
  if (storm_ == 0 || !is_drawn(host)) return 0;
  const std::uint64_t drawn = salted(host.draw, kStormSalt);
  if (low31(drawn) >= storm_) return 0;
  // Every power of ten is as likely.
  const double power = static_cast<double>(drawn >> 32U) / kDraws;
  return static_cast<unsigned>(std::pow(static_cast<double>(options_.storm.most), power));
}

nanoseconds Population::reset_first(const Host& host, std::uint16_t port) const noexcept {
  if (reset_first_ == 0 || !is_drawn(host)) return nanoseconds{0};
  const std::uint64_t drawn = salted(host.draw + port, kResetFirstSalt);
  if (low31(drawn) >= reset_first_) return nanoseconds{0};
  const nanoseconds span = options_.reset_first.latest - options_.reset_first.earliest;
  const auto later = (drawn >> 32U) % (static_cast<std::uint64_t>(span.count()) + 1);
  return options_.reset_first.earliest + nanoseconds{static_cast<std::int64_t>(later)};
}

}  // namespace trawl::simnet
