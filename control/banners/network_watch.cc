#include "control/banners/network_watch.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"

namespace trawl::control {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kNetworkCounters = std::size_t{1} << 24U;
constexpr std::size_t kHostCounters = std::size_t{1} << 22U;
constexpr unsigned kFirstHigh = 20000;  // Ports from here on have few services.
constexpr unsigned kLeastFree = 64;     // Ports to draw from.
constexpr unsigned kThreshold = 8;
constexpr unsigned kSampledThreshold = 16;
constexpr unsigned kSample = 64;
constexpr unsigned kBadHosts = 3;
constexpr unsigned kMostSent = 2;  // Probes of a port.
constexpr auto kPatience = 1s;     // For the answer to one.

std::uint64_t hash_of(const IpAddress& ip) noexcept {
  const Uint128 value = ip.v6().value();
  return mix64(static_cast<std::uint64_t>(value >> 64U) ^ mix64(static_cast<std::uint64_t>(value)));
}

bool is_threshold(unsigned opens) noexcept {
  return opens == kThreshold || opens == 4 * kThreshold || opens == 16 * kThreshold;
}

}  // namespace

std::size_t NetworkWatch::ScopeHash::operator()(const Scope& scope) const noexcept {
  return hash_of(scope.first) ^ scope.length;
}

NetworkWatch::NetworkWatch(std::span<const std::uint16_t> ports, std::uint64_t salt,
                           Clock::duration settle)
    : counts_hosts_{ports.size() >= kThreshold},
      salt_{salt},
      settle_{settle},
      network_memory_{ByteCount{kNetworkCounters}, ByteCount{kNetworkCounters}},
      host_memory_{ByteCount{kHostCounters}, ByteCount{kHostCounters}} {
  for (const std::uint16_t port : ports) asked_.set(port);
  for (unsigned port = kFirstHigh; port < asked_.size(); ++port) {
    if (!asked_.test(port)) free_.push_back(static_cast<std::uint16_t>(port));
  }
  if (free_.size() < kLeastFree) free_.clear();
}

NetworkWatch::Scope NetworkWatch::network_of(const IpAddress& ip) noexcept {
  if (ip.is_v4()) return {Ipv4Prefix{ip.v4(), 24}.first(), 24};
  return {Ipv6Prefix{ip.v6(), 64}.first(), 64};
}

NetworkWatch::Scope NetworkWatch::host_of(const IpAddress& ip) noexcept {
  return {ip, ip.is_v4() ? 32U : 128U};
}

bool NetworkWatch::is_host(const Scope& scope) noexcept {
  return scope.length == (scope.first.is_v4() ? 32U : 128U);
}

// Needs free ports.
std::uint16_t NetworkWatch::test_port(const IpAddress& ip, std::size_t number) const noexcept {
  const std::uint64_t drawn = mix64(hash_of(ip) ^ mix64(salt_ + number));
  return free_[static_cast<std::size_t>(drawn % free_.size())];
}

bool NetworkWatch::is_test(const IpAddress& ip, std::uint16_t port) const noexcept {
  if (asked_.test(port) || free_.empty()) return false;
  for (std::size_t i = 0; i < kTests; ++i) {
    if (test_port(ip, i) == port) return true;
  }
  return false;
}

bool NetworkWatch::is_sampled(const IpAddress& ip, std::uint16_t port) const noexcept {
  return mix64(hash_of(ip) ^ mix64(salt_ ^ port)) % kSample == 0;
}

const NetworkWatch::Known* NetworkWatch::known_of(const IpAddress& ip) const {
  if (known_.empty()) return nullptr;
  if (const auto at = known_.find(network_of(ip)); at != known_.end()) return &at->second;
  const auto at = known_.find(host_of(ip));
  return at == known_.end() ? nullptr : &at->second;
}

bool NetworkWatch::covers(const IpAddress& ip) const { return known_of(ip) != nullptr; }

bool NetworkWatch::covers_words(const IpAddress& ip) const {
  const Known* const known = known_of(ip);
  return known != nullptr && known->speaks;
}

unsigned NetworkWatch::count(const Scope& scope) {
  const bool host = is_host(scope);
  // Of IPv4 every /24 has a counter of its own.
  const std::uint64_t place =
      !host && scope.first.is_v4() ? scope.first.v4().value() >> 8U : hash_of(scope.first) ^ salt_;
  auto* const counters =
      static_cast<std::uint8_t*>(host ? host_memory_.data() : network_memory_.data());
  std::uint8_t& counter = counters[place % (host ? kHostCounters : kNetworkCounters)];
  if (counter < 255) ++counter;
  return counter;
}

void NetworkWatch::found(const IpAddress& ip, std::uint16_t port, Clock::time_point now) {
  if (covers(ip)) return;
  const Scope host = host_of(ip);
  if (free_.empty()) {
    if (!is_sampled(ip, port)) return;
    if (const unsigned opens = count(host); opens == kSampledThreshold) {
      convict(host, {.opens = std::uint64_t{opens} * kSample}, now);
    }
    return;
  }
  if (counts_hosts_) {
    if (const unsigned opens = count(host); is_threshold(opens)) suspect(host, ip, opens);
  }
  const Scope network = network_of(ip);
  const unsigned opens = count(network);
  // The last addresses before a threshold are those that are asked at it.
  const bool is_near = opens < 255 && is_threshold(opens + kTests - 1);
  const auto at = suspects_.find(network);
  if (at == suspects_.end()) {
    if (is_near || is_threshold(opens)) suspect(network, ip, opens);
    return;
  }
  at->second.opens = std::max<std::uint64_t>(at->second.opens, opens);
  auto& tests = at->second.tests;
  const bool is_new =
      std::ranges::none_of(tests, [&ip](const NetworkFact::Test& test) { return test.ip == ip; });
  if (is_new && tests.size() < kTests) tests.push_back({.ip = ip, .port = test_port(ip, 0)});
}

void NetworkWatch::suspect(const Scope& scope, const IpAddress& ip, unsigned opens) {
  if (suspects_.contains(scope)) return;
  if (suspects_.size() >= kMostSuspects) {
    // Those that wait for addresses may have waited for long.
    const auto idle = std::ranges::find_if(
        suspects_, [](const auto& entry) { return entry.second.tests.size() < kTests; });
    if (idle == suspects_.end()) return;
    suspects_.erase(idle);
  }
  Suspect& suspect = suspects_[scope];
  suspect.opens = opens;
  suspect.tests.push_back({.ip = ip, .port = test_port(ip, 0)});
  if (!is_host(scope)) return;
  for (std::size_t i = 1; i < kTests; ++i) {
    suspect.tests.push_back({.ip = ip, .port = test_port(ip, i)});
  }
}

bool NetworkWatch::answered(const IpAddress& ip, std::uint16_t port, PortState state) {
  if (!is_test(ip, port)) return false;
  for (const Scope& scope : {host_of(ip), network_of(ip)}) {
    const auto at = suspects_.find(scope);
    if (at == suspects_.end() || at->second.open == at->second.tests.size()) continue;
    Suspect& suspect = at->second;
    const NetworkFact::Test& test = suspect.tests[suspect.open];
    if (test.ip != ip || test.port != port || suspect.sent == 0) continue;
    if (state == PortState::Open) {
      ++suspect.open;
      suspect.sent = 0;
    } else {
      suspect.is_refuted = true;
    }
  }
  return true;
}

bool NetworkWatch::spoke(const IpAddress& ip, std::uint16_t port, PortClass port_class) {
  if (!is_test(ip, port)) return false;
  if (port_class != PortClass::Service && port_class != PortClass::Tarpit) return true;
  for (const Scope& scope : {host_of(ip), network_of(ip)}) {
    if (const auto at = known_.find(scope); at != known_.end()) at->second.speaks = true;
  }
  return true;
}

void NetworkWatch::turn(Clock::time_point now, const Send& send) {
  for (auto at = suspects_.begin(); at != suspects_.end();) {
    Suspect& suspect = at->second;
    bool is_over = suspect.is_refuted;
    if (!is_over && suspect.open == kTests) {
      convict(at->first, suspect, now);
      is_over = true;
    } else if (!is_over && suspect.tests.size() == kTests &&
               (suspect.sent == 0 || now - suspect.since >= kPatience)) {
      const NetworkFact::Test& test = suspect.tests[suspect.open];
      if (suspect.sent == kMostSent) {
        is_over = true;
      } else if (send(test.ip, test.port)) {
        ++probes_;
        ++suspect.sent;
        suspect.since = now;
      }
    }
    at = is_over ? suspects_.erase(at) : std::next(at);
  }
}

void NetworkWatch::convict(const Scope& scope, const Suspect& suspect, Clock::time_point now) {
  if (known_.contains(scope)) return;
  if (known_.size() >= kMostKnown) {
    ++overflow_;
    return;
  }
  known_.emplace(scope, Known{});
  NetworkFact fact{.time = std::chrono::system_clock::now(),
                   .first = scope.first,
                   .length = scope.length,
                   .opens = suspect.opens,
                   .tests = suspect.tests};
  news_.push_back({.due = now + settle_, .scope = scope, .fact = std::move(fact)});
  if (!is_host(scope)) {
    ++known_networks_;
    bad_hosts_.erase(scope);
    return;
  }
  const Scope network = network_of(scope.first);
  if (known_.contains(network)) return;
  if (bad_hosts_.size() >= kMostKnown && !bad_hosts_.contains(network)) return;
  if (++bad_hosts_[network] < kBadHosts) return;
  Suspect whole;
  for (const News& news : news_) {
    if (is_host(news.scope) && network_of(news.scope.first) == network) {
      whole.opens += news.fact.opens;
      whole.tests.insert(whole.tests.end(), news.fact.tests.begin(), news.fact.tests.end());
    }
  }
  convict(network, whole, now);
}

std::vector<NetworkFact> NetworkWatch::take_news(Clock::time_point now, bool is_end) {
  std::vector<NetworkFact> told;
  std::erase_if(news_, [&](News& news) {
    if (!is_end && now < news.due) return false;
    // A host of a network that is told of itself.
    const bool is_told = is_host(news.scope) && known_.contains(network_of(news.scope.first));
    if (is_told) return true;
    news.fact.speaks = known_.at(news.scope).speaks;
    told.push_back(std::move(news.fact));
    return true;
  });
  return told;
}

bool NetworkWatch::is_testing() const noexcept {
  return std::ranges::any_of(suspects_, [](const auto& entry) {
    return !entry.second.is_refuted && entry.second.tests.size() == kTests;
  });
}

}  // namespace trawl::control
