#include "control/audit/ports/service_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <system_error>

#include "control/audit/ports/port_table_text.h"

namespace trawl::control {
namespace {

constexpr std::size_t kPorts = 65536;
constexpr std::size_t kBytesOfThreeLines = 100;  // Roughly; one for each protocol.

template <typename Number>
std::optional<Number> whole_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "0.25" or "1/4"; 0 for anything that is no frequency.
double frequency_of(std::string_view text) {
  const std::size_t slash = text.find('/');
  std::optional<double> value = whole_number<double>(text.substr(0, slash));
  if (value && slash != std::string_view::npos) {
    const auto whole = whole_number<double>(text.substr(slash + 1));
    value = whole && *whole > 0 ? std::optional{*value / *whole} : std::nullopt;
  }
  return value && *value > 0 && *value < 1 ? *value : 0;
}

std::optional<PortProtocol> protocol_of(std::string_view text) {
  for (const PortProtocol protocol : {PortProtocol::Tcp, PortProtocol::Udp, PortProtocol::Sctp}) {
    if (text == name_of(protocol)) return protocol;
  }
  return std::nullopt;
}

}  // namespace

AuditResult<ServiceTable> ServiceTable::load(const std::string& datadir,
                                             const std::string& servicedb) {
  if (!servicedb.empty()) {
    if (auto text = read_whole_file(servicedb)) return parse(std::move(text));
    const int why = errno;
    return bad_value(fmt::format("Unable to open {} for reading service information: {} ({})",
                                 servicedb, std::generic_category().message(why), why));
  }
  if (auto text = find_data_file("nmap-services", datadir)) return parse(std::move(text));
  return builtin();
}

ServiceTable ServiceTable::parse(SharedText text) {
  ServiceTable table;
  table.text_ = std::move(text);
  table.read(*table.text_);
  return table;
}

ServiceTable ServiceTable::builtin() {
  ServiceTable table;
  table.read(kServicesText);
  return table;
}

void ServiceTable::read(std::string_view text) {
  DataLines lines{text};
  while (lines.next()) {
    const std::string_view name = lines.word();
    const std::string_view where = lines.word();
    const std::size_t slash = where.find('/');
    if (name.empty() || slash == std::string_view::npos) continue;
    const auto port = whole_number<std::uint16_t>(where.substr(0, slash));
    const auto protocol = protocol_of(where.substr(slash + 1));
    if (!port || !protocol) continue;
    Services& services = services_[static_cast<std::size_t>(*protocol)];
    if (services.by_port.empty()) {
      services.by_port.assign(kPorts, 0);
      services.entries.reserve(text.size() / kBytesOfThreeLines);
    }
    if (services.by_port[*port] != 0) continue;
    services.entries.push_back(
        Entry{.frequency = frequency_of(lines.word()), .name = name, .port = *port});
    services.by_port[*port] = static_cast<std::uint32_t>(services.entries.size());
  }
}

std::string_view ServiceTable::name(PortProtocol protocol, std::uint16_t port) const noexcept {
  const Services& known = services(protocol);
  if (known.by_port.empty()) return {};
  const std::uint32_t place = known.by_port[port];
  return place == 0 ? std::string_view{} : known.entries[place - 1].name;
}

std::vector<std::uint16_t> ServiceTable::ranked(PortProtocol protocol) const {
  std::vector<const Entry*> order;
  for (const Entry& entry : services(protocol).entries) order.push_back(&entry);
  std::stable_sort(order.begin(), order.end(), [](const Entry* left, const Entry* right) {
    return left->frequency > right->frequency;
  });
  std::vector<std::uint16_t> ports;
  ports.reserve(order.size());
  for (const Entry* const entry : order) ports.push_back(entry->port);
  return ports;
}

std::vector<std::uint16_t> ServiceTable::top(PortProtocol protocol, std::size_t count) const {
  std::vector<std::uint16_t> ports = ranked(protocol);
  if (ports.size() > count) ports.resize(count);
  return ports;
}

template <typename Want>
std::vector<std::uint16_t> ServiceTable::those(PortProtocol protocol, Want want) const {
  std::vector<std::uint16_t> ports;
  for (const Entry& entry : services(protocol).entries) {
    if (want(entry)) ports.push_back(entry.port);
  }
  std::sort(ports.begin(), ports.end());
  return ports;
}

std::vector<std::uint16_t> ServiceTable::by_ratio(PortProtocol protocol, double ratio) const {
  return those(protocol, [ratio](const Entry& entry) { return entry.frequency >= ratio; });
}

std::vector<std::uint16_t> ServiceTable::matching(PortProtocol protocol,
                                                  std::string_view pattern) const {
  return those(protocol,
               [pattern](const Entry& entry) { return matches_pattern(entry.name, pattern); });
}

std::vector<std::uint16_t> ServiceTable::all(PortProtocol protocol, std::uint16_t first,
                                             std::uint16_t last) const {
  return those(protocol, [first, last](const Entry& entry) {
    return first <= entry.port && entry.port <= last;
  });
}

bool ServiceTable::empty() const noexcept {
  return std::all_of(services_.begin(), services_.end(),
                     [](const Services& known) { return known.entries.empty(); });
}

}  // namespace trawl::control
