#include "control/nic/nic_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <string_view>

#include "control/survey/json_object.h"

namespace trawl::control {
namespace {

using dataplane::XdpState;

constexpr std::size_t kColumns = 7;
using Row = std::array<std::string, kColumns>;

std::string_view mode_name(XdpState::Mode mode) noexcept {
  switch (mode) {
    case XdpState::Mode::None: return "none";
    case XdpState::Mode::Native: return "native";
    case XdpState::Mode::Generic: return "generic";
    case XdpState::Mode::Offloaded: return "offloaded";
    case XdpState::Mode::Several: break;
  }
  return "several";
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += between;
    text += word;
  }
  return text;
}

std::string usage_of(const InterfaceFacts& facts) {
  std::string text;
  if (facts.owner != 0) text = fmt::format("used by process {}", facts.owner);
  if (facts.xdp.mode != XdpState::Mode::None) {
    text += fmt::format("{}XDP {} ({})", text.empty() ? "" : ", ", joined(facts.xdp.programs, "+"),
                        mode_name(facts.xdp.mode));
  }
  return text.empty() ? "-" : text;
}

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

std::string json_list(const std::vector<std::string>& words) {
  std::string text = "[";
  for (const std::string& word : words) {
    // An object of one key holds the word as JSON writes it.
    const std::string object = JsonObject{JsonObject::Layout::OneLine}.text("w", word).done();
    const std::size_t colon = object.find(':') + 1;
    const std::size_t start = object.find('"', colon);
    text += text.size() > 1 ? "," : "";
    text += object.substr(start, object.size() - start - 1);
  }
  return text + "]";
}

}  // namespace

std::string nic_table(const std::vector<InterfaceFacts>& interfaces,
                      const std::vector<PciFacts>& cards) {
  std::vector<Row> rows{{"NAME", "STATE", "DRIVER", "MAC", "QUEUES", "ADDRESSES", "IN USE"}};
  for (const InterfaceFacts& facts : interfaces) {
    rows.push_back({facts.name, facts.up ? "up" : "down", or_dash(facts.driver), or_dash(facts.mac),
                    fmt::format("{}", facts.queues), or_dash(joined(facts.addresses, ",")),
                    usage_of(facts)});
  }
  for (const PciFacts& card : cards) {
    rows.push_back({card.address, "DPDK", card.driver, "-", "-", "-", "device " + card.device});
  }
  std::array<std::size_t, kColumns> widths{};
  for (Row& row : rows) {
    for (std::size_t i = 0; i < kColumns; ++i) {
      std::ranges::replace_if(
          row[i], [](unsigned char c) { return std::iscntrl(c) != 0; }, '?');
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i + 1 < kColumns; ++i) {
      line += fmt::format("{:<{}}  ", row[i], widths[i]);
    }
    text += line + row.back() + '\n';
  }
  return text;
}

std::string nic_json(const std::vector<InterfaceFacts>& interfaces,
                     const std::vector<PciFacts>& cards) {
  std::string text;
  for (const InterfaceFacts& facts : interfaces) {
    JsonObject line{JsonObject::Layout::OneLine};
    line.text("kind", "interface").text("name", facts.name).text("state", facts.up ? "up" : "down");
    line.text("driver", facts.driver).text("mac", facts.mac);
    line.number("rx_queues", std::uint64_t{facts.queues});
    line.raw("addresses", json_list(facts.addresses));
    line.text("xdp_mode", mode_name(facts.xdp.mode));
    line.raw("xdp_programs", json_list(facts.xdp.programs));
    if (facts.owner != 0) {
      line.number("used_by_pid", static_cast<std::uint64_t>(facts.owner));
    } else {
      line.null("used_by_pid");
    }
    text += line.done() + '\n';
  }
  for (const PciFacts& card : cards) {
    JsonObject line{JsonObject::Layout::OneLine};
    line.text("kind", "pci").text("name", card.address).text("state", "dpdk");
    line.text("driver", card.driver).text("device", card.device);
    text += line.done() + '\n';
  }
  return text;
}

}  // namespace trawl::control
