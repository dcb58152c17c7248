#include "dataplane/link_spec.h"

#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>
#include <cctype>
#include <string>

namespace trawl::dataplane {
namespace {

bool is_hex(char c) noexcept { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }

// domain:bus:device.function, the domain being optional.
bool is_pci_address(std::string_view text) noexcept {
  constexpr std::string_view kShort = "hh:hh.h";
  if (text.size() == kShort.size() + 5 && text[4] == ':' &&
      std::all_of(text.begin(), text.begin() + 4, is_hex)) {
    text.remove_prefix(5);
  }
  if (text.size() != kShort.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (kShort[i] == 'h' ? !is_hex(text[i]) : text[i] != kShort[i]) return false;
  }
  return true;
}

bool is_interface_name(std::string_view text) noexcept {
  if (text.empty() || text.size() >= IFNAMSIZ || text == "." || text == "..") return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return std::isgraph(static_cast<unsigned char>(c)) != 0 && c != '/' && c != ',' && c != ':';
  });
}

// The value of `key=` in a comma-separated list of device arguments.
std::string device_argument(std::string_view text, std::string_view key) {
  std::size_t at = text.find(',');
  while (at != std::string_view::npos) {
    const std::size_t end = text.find(',', at + 1);
    const std::string_view item = text.substr(at + 1, end - at - 1);
    if (item.size() > key.size() && item.substr(0, key.size()) == key && item[key.size()] == '=') {
      return std::string{item.substr(key.size() + 1)};
    }
    at = end;
  }
  return {};
}

}  // namespace

Result<LinkSpec> LinkSpec::parse(std::string_view text) {
  LinkSpec spec;
  spec.text = std::string{text};
  if (text.rfind("net_", 0) == 0 || text.rfind("eth_", 0) == 0) {
    spec.kind = LinkKind::Vdev;
    // To net_tap it is the name of an interface that the driver is to make.
    if (spec.driver() != "net_tap") spec.kernel_interface = device_argument(text, "iface");
    return spec;
  }
  if (is_pci_address(text)) {
    spec.kind = LinkKind::Pci;
    return spec;
  }
  if (is_interface_name(text)) {
    spec.kind = LinkKind::KernelInterface;
    spec.kernel_interface = spec.text;
    return spec;
  }
  return fail(
      ExitCode::Usage,
      fmt::format("--link '{}' is no PCI address (0000:3b:00.0), kernel interface (eth1) or "
                  "vdev (net_memif0,role=client)",
                  text));
}

std::string LinkSpec::driver() const {
  if (kind != LinkKind::Vdev) return {};
  std::string name = text.substr(0, text.find(','));
  while (!name.empty() && std::isdigit(static_cast<unsigned char>(name.back())) != 0) {
    name.pop_back();
  }
  return name;
}

std::string LinkSpec::device() const {
  // A bare net_null would deliver make-believe frames without end.
  if (is_sink() && text.find(',') == std::string::npos) return text + ",no-rx=1";
  if (driver() != "net_memif" || device_argument(text, "role") == "server") return text;
  // The driver's 2048 bytes put the heads of all frames into a few sets of the caches; 1600, an odd
  // multiple of a line, do not, and hold any frame of Ethernet. None may need two: the driver mixes
  // up what comes after it. In a long ring a line has left the other end's cache when its turn
  // comes.
  std::string device = text;
  if (device_argument(text, "bsize").empty()) device += ",bsize=1600";
  if (device_argument(text, "rsize").empty()) device += ",rsize=12";
  return device;
}

}  // namespace trawl::dataplane
