#include "control/scripts/script_context.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "control/audit/interface_list.h"
#include "control/audit/target_block.h"
#include "nse/host/kernel_sender.h"

namespace trawl::control {
namespace {

std::string bytes_of(const MacAddress& mac) {
  std::string bytes;
  for (int shift = 40; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(static_cast<unsigned char>(mac.to_integer() >> shift));
  }
  return bytes;
}

std::string_view link_of(ListedInterface::Kind kind) noexcept {
  switch (kind) {
    case ListedInterface::Kind::Loopback: return "loopback";
    case ListedInterface::Kind::Ethernet: return "ethernet";
    case ListedInterface::Kind::PointToPoint: return "p2p";
    case ListedInterface::Kind::Other: break;
  }
  return "other";
}

void add_interface(const ListedInterface& interface, const ListedInterface::Address& address,
                   std::vector<nse::InterfaceFacts>& all) {
  nse::InterfaceFacts& facts = all.emplace_back();
  facts.device = interface.name;
  facts.short_name = interface.name.substr(0, interface.name.find(':'));
  facts.address = address.ip;
  facts.prefix_length = address.prefix;
  facts.link = std::string{link_of(interface.kind)};
  facts.up = interface.is_up;
  facts.mtu = static_cast<int>(interface.mtu);
  if (interface.mac) facts.mac = bytes_of(*interface.mac);
  if (interface.kind == ListedInterface::Kind::Ethernet && address.ip.is_v4()) {
    const std::uint32_t host_bits = address.prefix >= 32 ? 0 : ~std::uint32_t{0} >> address.prefix;
    facts.broadcast = Ipv4Address{address.ip.v4().value() | host_bits};
  }
}

}  // namespace

void ScriptContext::set_hosts(std::span<nse::ScriptHost* const> hosts) {
  hosts_.clear();
  for (nse::ScriptHost* const one : hosts) {
    auto* const host = static_cast<AuditedHost*>(one);
    hosts_.try_emplace(host->name(), host);
    if (!host->report().name.empty()) hosts_.try_emplace(host->report().name, host);
  }
}

ScriptContext::Said ScriptContext::take() {
  const std::lock_guard lock{mutex_};
  return std::exchange(said_, {});
}

void ScriptContext::heed() {
  const std::lock_guard lock{mutex_};
  new_targets_ = 0;
}

std::vector<nse::InterfaceFacts> ScriptContext::interfaces() const {
  std::vector<nse::InterfaceFacts> all;
  const auto listed = read_interfaces();
  if (!listed) return all;
  for (const ListedInterface& interface : *listed) {
    for (const auto& address : interface.v4) add_interface(interface, address, all);
    for (const auto& address : interface.v6) add_interface(interface, address, all);
  }
  return all;
}

std::optional<std::string> ScriptContext::fetch_file(const std::string& name) const {
  for (const std::string& folder : scope_.data_folders) {
    std::string path = fmt::format("{}/{}", folder, name);
    std::error_code none;
    if (std::filesystem::is_regular_file(path, none) && ::access(path.c_str(), R_OK) == 0) {
      return path;
    }
  }
  return std::nullopt;
}

// Names are looked up later, as those of the command line are.
bool ScriptContext::add_target(const std::string& target) {
  const auto parsed = parse_target_expression(target, scope_.family);
  if (!std::holds_alternative<TargetExpression>(parsed)) return false;
  {
    const std::lock_guard lock{mutex_};
    if (!known_targets_.insert(target).second) return false;
    said_.targets.push_back(target);
    ++new_targets_;
  }
  told_();
  return true;
}

std::size_t ScriptContext::new_targets() const {
  const std::lock_guard lock{mutex_};
  return new_targets_;
}

void ScriptContext::log(Stream stream, std::string_view text) {
  {
    const std::lock_guard lock{mutex_};
    said_.lines.push_back({.stream = stream, .text = std::string{text}});
  }
  told_();
}

nse::ScannedHost* ScriptContext::find_host(const std::string& address_or_name) {
  const auto found = hosts_.find(address_or_name);
  return found == hosts_.end() ? nullptr : found->second;
}

Result<std::unique_ptr<nse::RawSender>> ScriptContext::open_ethernet(const std::string& device) {
  return nse::open_kernel_ethernet(device);
}

Result<std::unique_ptr<nse::RawSender>> ScriptContext::open_raw_ip() {
  return nse::open_kernel_ip();
}

}  // namespace trawl::control
