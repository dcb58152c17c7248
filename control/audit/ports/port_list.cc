#include "control/audit/ports/port_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace trawl::control {
namespace {

constexpr std::uint32_t kLastPort = 65535;
constexpr std::uint32_t kLastProtocol = 255;
constexpr std::size_t kMostMaskLetters = 126;
constexpr std::array kAllProtocols = {PortProtocol::Tcp, PortProtocol::Udp, PortProtocol::Sctp,
                                      PortProtocol::Ip};

// Nmap's numbers of what is wrong with a list.
enum class Fault { NoItem = 485, NoRangeEnd = 486, AfterNumber = 487, AfterRange = 488 };

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

// Reads one list; run() is called once.
class PortListReader {
 public:
  PortListReader(std::string_view text, ProtocolSet at_first, Specifiers specifiers,
                 const ServiceTable& services, const ProtocolTable& protocols)
      : rest_{text},
        meant_{at_first},
        specifiers_{specifiers},
        services_{services},
        protocols_{protocols} {}

  // The first error, or none.
  std::optional<std::string> run();
  PortList& list() { return *list_; }

 private:
  using Trouble = std::optional<std::string>;

  // Each takes something from the front of rest_.
  void take_blanks();
  void take_comma();
  Trouble take_specifier();
  Trouble take_bracket();
  Trouble take_item();
  Trouble take_number_or_range();
  Trouble take_name();
  Trouble take_number(std::uint32_t& value);

  bool item_ends() const { return rest_.empty() || rest_.front() == ',' || rest_.front() == ']'; }
  bool means(PortProtocol protocol) const { return meant_[static_cast<std::size_t>(protocol)]; }
  bool means_only_ip() const { return meant_ == ProtocolSet{false, false, false, true}; }
  std::uint32_t limit() const { return means(PortProtocol::Ip) ? kLastProtocol : kLastPort; }
  std::string fault(Fault what) const;
  const PortSet& known(PortProtocol protocol);
  void add_range(std::uint32_t first, std::uint32_t last);

  std::string_view rest_;
  ProtocolSet meant_;
  ProtocolSet meant_before_{};  // The bracket that is open.
  Specifiers specifiers_;
  const ServiceTable& services_;
  const ProtocolTable& protocols_;
  bool in_brackets_ = false;
  std::unique_ptr<PortList> list_ = std::make_unique<PortList>();
  std::array<std::unique_ptr<PortSet>, kPortProtocols> known_;
};

std::string PortListReader::fault(Fault what) const {
  return fmt::format(
      "Error #{}: Your port specifications are illegal.  Example of proper form: \"{}\"",
      static_cast<int>(what),
      specifiers_ == Specifiers::Allowed ? "-100,200-1024,T:3000-4000,U:60000-"
                                         : "-100,200-1024,3000-4000,60000-");
}

void PortListReader::take_blanks() {
  while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
}

void PortListReader::take_comma() {
  if (!rest_.empty() && rest_.front() == ',') rest_.remove_prefix(1);
}

// A list may end behind any item or specifier, but not behind "[" or blanks.
std::optional<std::string> PortListReader::run() {
  for (;;) {
    take_blanks();
    Trouble trouble;
    const bool opens = !rest_.empty() && rest_.front() == '[';
    if (specifiers_ == Specifiers::Allowed && rest_.size() > 1 && rest_[1] == ':') {
      trouble = take_specifier();
    } else if (opens || (!rest_.empty() && rest_.front() == ']')) {
      trouble = take_bracket();
      if (!trouble && opens) continue;
    } else {
      trouble = take_item();
    }
    if (trouble || rest_.empty()) return trouble;
  }
}

std::optional<std::string> PortListReader::take_specifier() {
  const std::size_t which = std::string_view{"TUSP"}.find(rest_.front());
  if (which == std::string_view::npos) {
    return fmt::format("Error parsing port list: Unknown protocol specifier '{}'.",
                       rest_.substr(0, 1));
  }
  meant_ = ProtocolSet{};
  meant_[which] = true;
  rest_.remove_prefix(2);
  return std::nullopt;
}

std::optional<std::string> PortListReader::take_bracket() {
  const bool opens = rest_.front() == '[';
  if (opens && in_brackets_) return "Can't nest [] brackets in port/protocol specification";
  if (!opens && !in_brackets_) return "Unexpected ] character in port/protocol specification";
  in_brackets_ = opens;
  rest_.remove_prefix(1);
  if (opens) {
    meant_before_ = meant_;
  } else {
    // A specifier in brackets holds only there.
    meant_ = meant_before_;
    take_comma();
  }
  return std::nullopt;
}

std::optional<std::string> PortListReader::take_item() {
  if (rest_.empty()) return fault(Fault::NoItem);
  const char first = rest_.front();
  if (is_digit(first) || first == '-') return take_number_or_range();
  if ((first >= 'a' && first <= 'z') || first == '*' || first == '?') return take_name();
  return fault(Fault::NoItem);
}

std::optional<std::string> PortListReader::take_number(std::uint32_t& value) {
  value = 0;
  while (!rest_.empty() && is_digit(rest_.front())) {
    value = std::min(value * 10 + static_cast<std::uint32_t>(rest_.front() - '0'), kLastPort + 1);
    rest_.remove_prefix(1);
  }
  if (value <= limit()) return std::nullopt;
  return means(PortProtocol::Ip) ? "Protocols specified must be between 0 and 255 inclusive"
                                 : "Ports specified must be between 0 and 65535 inclusive";
}

std::optional<std::string> PortListReader::take_number_or_range() {
  std::uint32_t first = means_only_ip() ? 0 : 1;
  if (is_digit(rest_.front())) {
    if (auto trouble = take_number(first)) return trouble;
    take_blanks();
  }
  std::uint32_t last = first;
  if (!item_ends()) {
    if (rest_.front() != '-') return fault(Fault::AfterNumber);
    rest_.remove_prefix(1);
    last = limit();
    if (!rest_.empty() && is_digit(rest_.front())) {
      if (auto trouble = take_number(last)) return trouble;
    } else if (!item_ends()) {
      return fault(Fault::NoRangeEnd);
    }
    if (last < first) {
      return fmt::format("Your port range {}-{} is backwards. Did you mean {}-{}?", first, last,
                         last, first);
    }
    take_blanks();
    if (!item_ends()) return fault(Fault::AfterRange);
  }
  add_range(first, last);
  take_comma();
  return std::nullopt;
}

void PortListReader::add_range(std::uint32_t first, std::uint32_t last) {
  const PortSet range =
      PortSet::range(static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last));
  for (const PortProtocol protocol : kAllProtocols) {
    if (!means(protocol)) continue;
    PortSet& ports = list_->of(protocol);
    list_->has_duplicates = list_->has_duplicates || ports.meets(range);
    PortSet named = range;
    if (in_brackets_) named.keep(known(protocol));
    ports.add(named);
  }
}

const PortSet& PortListReader::known(PortProtocol protocol) {
  auto& ports = known_[static_cast<std::size_t>(protocol)];
  if (!ports) {
    ports = std::make_unique<PortSet>(
        PortSet::of(protocol == PortProtocol::Ip ? protocols_.all() : services_.all(protocol)));
  }
  return *ports;
}

std::optional<std::string> PortListReader::take_name() {
  std::size_t end = 0;
  while (end < rest_.size() && !is_blank(rest_[end]) && rest_[end] != ',' && rest_[end] != ']') {
    ++end;
  }
  if (end > kMostMaskLetters) {
    return "A service mask in the port/protocol specification is either malformed or too long";
  }
  const std::string_view mask = rest_.substr(0, end);
  bool found = false;
  for (const PortProtocol protocol : kAllProtocols) {
    if (!means(protocol)) continue;
    const auto ports = protocol == PortProtocol::Ip ? protocols_.matching(mask)
                                                    : services_.matching(protocol, mask);
    found = found || !ports.empty();
    for (const std::uint16_t port : ports) list_->of(protocol).add(port);
  }
  if (!found) {
    return fmt::format("Found no matches for the service mask '{}' and your specified protocols",
                       mask);
  }
  // One blank ends a name as a comma does.
  rest_.remove_prefix(end);
  if (!rest_.empty() && rest_.front() != ']') rest_.remove_prefix(1);
  return std::nullopt;
}

}  // namespace

bool PortList::empty() const noexcept {
  return std::all_of(ports.begin(), ports.end(), [](const PortSet& set) { return set.empty(); });
}

AuditResult<PortList> parse_port_list(std::string_view text, ProtocolSet at_first,
                                      Specifiers specifiers, const ServiceTable& services,
                                      const ProtocolTable& protocols) {
  PortListReader reader{text, at_first, specifiers, services, protocols};
  if (auto trouble = reader.run()) return bad_value(std::move(*trouble));
  return std::move(reader.list());
}

}  // namespace trawl::control
