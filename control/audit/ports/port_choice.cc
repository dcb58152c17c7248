#include "control/audit/ports/port_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "control/audit/ports/port_list.h"

namespace trawl::control {
namespace {

constexpr std::size_t kDefaultCount = 1000;
constexpr std::size_t kFastCount = 100;
constexpr std::uint32_t kMostTop = 65536;
constexpr std::array kWithPorts = {PortProtocol::Tcp, PortProtocol::Udp, PortProtocol::Sctp};

constexpr std::string_view kDuplicates =
    "WARNING: Duplicate port number(s) specified.  Are you alert enough to be using Nmap?  Have "
    "some coffee or Jolt(tm).";
constexpr std::string_view kNoPorts =
    "No ports specified -- If you really don't want to scan any ports use ping scan...";

ProtocolSet scanned(const PortRequest& request) {
  return {request.tcp, request.udp, request.sctp, request.ip};
}

// One warning for each "T:" and so on of a protocol that is not scanned, wherever it stands.
void warn_of_specifiers(std::string_view text, const PortRequest& request,
                        std::vector<std::string>& warnings) {
  constexpr std::string_view kMissing[] = {"any TCP scan type", "UDP scan with -sU",
                                           "any SCTP scan type", "IP Protocol scan with -sO"};
  for (std::size_t at = text.find(':'); at != std::string_view::npos; at = text.find(':', at + 1)) {
    const std::size_t which =
        at == 0 ? std::string_view::npos : std::string_view{"TUSP"}.find(text[at - 1]);
    if (which == std::string_view::npos || scanned(request)[which]) continue;
    warnings.push_back(
        fmt::format("WARNING: Your ports include \"{}:\" but you haven't specified {}.",
                    text[at - 1], kMissing[which]));
  }
}

void warn_of_nothing(const PortRequest& request, PortChoice& choice) {
  constexpr std::string_view kNothing[] = {
      "a TCP scan type was requested, but no tcp ports were specified.",
      "UDP scan was requested, but no udp ports were specified.",
      "a SCTP scan type was requested, but no sctp ports were specified.",
      "protocol scan was requested, but no protocols were specified to be scanned."};
  for (std::size_t i = 0; i < kPortProtocols; ++i) {
    if (!scanned(request)[i] || !choice.ports[i].empty()) continue;
    choice.warnings.push_back(fmt::format("WARNING: {}  Skipping this scan type.", kNothing[i]));
  }
}

AuditResult<PortList> read_list(std::string_view text, ProtocolSet at_first,
                                const ServiceTable& services, const ProtocolTable& protocols,
                                std::vector<std::string>& warnings) {
  auto list = parse_port_list(text, at_first, Specifiers::Allowed, services, protocols);
  if (!list) return list;
  if (list->empty()) return bad_value(std::string{kNoPorts});
  if (list->has_duplicates) warnings.emplace_back(kDuplicates);
  return list;
}

// What is wrong with the numbers, whatever the tables say; "" if nothing is.
std::string_view trouble_with(const PortRequest& request) {
  if (request.top && *request.top == 0) return "--top-ports should be an integer 1 or greater";
  if (request.ratio && !(*request.ratio >= 0 && *request.ratio < 1)) {
    return "--port-ratio should be between [0 and 1)";
  }
  if (request.fast && request.ports) {
    return "You cannot use -F (fast scan) with -p (explicit port selection) but see --top-ports "
           "and --port-ratio to fast scan a range of ports";
  }
  return {};
}

// The most frequent ports of one protocol that are in `wanted`, unless that is nullptr, and not in
// `excluded`.
PortSet frequent(const PortRequest& request, const ServiceTable& services, PortProtocol protocol,
                 const PortSet* wanted, const PortSet& excluded) {
  std::size_t left = request.top ? *request.top : request.fast ? kFastCount : kDefaultCount;
  std::vector<std::uint16_t> candidates;
  if (request.ratio) {
    candidates = services.by_ratio(protocol, *request.ratio);
    left = candidates.size();
  } else {
    candidates = services.ranked(protocol);
  }
  PortSet chosen;
  for (const std::uint16_t port : candidates) {
    if (left == 0) break;
    if ((wanted != nullptr && !wanted->has(port)) || excluded.has(port)) continue;
    chosen.add(port);
    --left;
  }
  return chosen;
}

AuditResult<PortChoice> choose(const PortRequest& request, const ServiceTable& services,
                               const ProtocolTable& protocols, const PortList* wanted,
                               const PortList& excluded, PortChoice choice) {
  const bool by_frequency = wanted == nullptr || request.top || request.ratio;
  if (by_frequency && !request.ip) {
    if (request.top && *request.top > kMostTop) {
      return bad_value(fmt::format("Level argument to gettoppts ({}) is too large", *request.top));
    }
    if (services.empty()) return bad_value(std::string{kNoPorts});
  }
  for (const PortProtocol protocol : kWithPorts) {
    const auto i = static_cast<std::size_t>(protocol);
    if (!scanned(request)[i]) continue;
    const PortSet* const of_list = wanted == nullptr ? nullptr : &wanted->of(protocol);
    PortSet ports = by_frequency
                        ? frequent(request, services, protocol, of_list, excluded.of(protocol))
                        : *of_list;
    ports.remove(excluded.of(protocol));
    choice.ports[i] = ports.to_vector();
  }
  if (request.ip) {
    PortSet numbers = wanted != nullptr ? wanted->of(PortProtocol::Ip)
                      : request.fast    ? PortSet::of(protocols.all())
                                        : PortSet::range(0, 255);
    numbers.remove(excluded.of(PortProtocol::Ip));
    choice.ports[static_cast<std::size_t>(PortProtocol::Ip)] = numbers.to_vector();
  }
  warn_of_nothing(request, choice);
  return choice;
}

}  // namespace

AuditResult<PortChoice> choose_ports(const PortRequest& request, const ServiceTable& services,
                                     const ProtocolTable& protocols) {
  if (const auto trouble = trouble_with(request); !trouble.empty()) {
    return bad_value(std::string{trouble});
  }
  PortChoice choice;
  std::optional<PortList> wanted;
  if (request.ports) {
    if (!request.ip) warn_of_specifiers(*request.ports, request, choice.warnings);
    auto list = read_list(*request.ports, scanned(request), services, protocols, choice.warnings);
    if (!list) return tl::unexpected{std::move(list.error())};
    wanted = std::move(*list);
  }
  PortList excluded;
  if (request.exclude) {
    // Discovery heeds them too, whatever is scanned.
    const ProtocolSet at_first = {!request.ip, !request.ip, !request.ip, request.ip};
    auto list = read_list(*request.exclude, at_first, services, protocols, choice.warnings);
    if (!list) return tl::unexpected{std::move(list.error())};
    excluded = std::move(*list);
    for (std::size_t i = 0; i < kPortProtocols; ++i) {
      choice.excluded[i] = excluded.ports[i].to_vector();
    }
  }
  return choose(request, services, protocols, wanted ? &*wanted : nullptr, excluded,
                std::move(choice));
}

AuditResult<std::vector<std::uint16_t>> parse_discovery_ports(
    std::string_view text, PortProtocol protocol, std::string_view option,
    const ServiceTable& services, const ProtocolTable& protocols, PortChoice& chosen) {
  ProtocolSet only{};
  only[static_cast<std::size_t>(protocol)] = true;
  const auto list = parse_port_list(text, only, Specifiers::Refused, services, protocols);
  if (!list) return tl::unexpected{list.error()};
  if (list->empty()) return bad_value(fmt::format("Bogus argument to {}: {}", option, text));
  if (list->has_duplicates) chosen.warnings.emplace_back(kDuplicates);
  PortSet ports = list->of(protocol);
  ports.remove(PortSet::of(chosen.excluded_of(protocol)));
  return ports.to_vector();
}

}  // namespace trawl::control
