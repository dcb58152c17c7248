#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "nse/host/host_context.h"

namespace trawl::nse {

// A host with ports that scripts may change.
class FakeScannedHost : public ScannedHost {
 public:
  explicit FakeScannedHost(HostFacts host) : host_{std::move(host)} {}
  void add(PortFacts port) {
    auto key = std::pair{port.protocol, port.number};
    ports_.insert_or_assign(std::move(key), std::move(port));
  }

  [[nodiscard]] std::string name() const override { return host_.ip.to_string(); }
  [[nodiscard]] std::vector<ScriptPort> ports() const override {
    std::vector<ScriptPort> open;
    for (const auto& [key, port] : ports_) {
      if (port.state == "open") open.push_back({port.number, port.protocol});
    }
    return open;
  }
  [[nodiscard]] HostFacts facts() const override { return host_; }
  [[nodiscard]] std::optional<PortFacts> port(std::string_view protocol,
                                              std::uint16_t number) const override {
    const auto found = ports_.find({std::string{protocol}, number});
    return found == ports_.end() ? std::nullopt : std::optional{found->second};
  }
  [[nodiscard]] std::optional<PortFacts> next_port(std::string_view protocol,
                                                   std::string_view state,
                                                   int after) const override {
    for (const auto& [key, port] : ports_) {
      if (port.protocol == protocol && port.state == state && port.number > after) return port;
    }
    return {};
  }
  void set_state(std::string_view protocol, std::uint16_t number, bool open) override {
    PortFacts& port = ports_.at({std::string{protocol}, number});
    port.state = open ? "open" : "closed";
    port.reason = "script-set";
  }
  void set_version(std::string_view protocol, std::uint16_t number, const PortVersion& version,
                   Match match) override {
    ports_.at({std::string{protocol}, number}).version = version;
    last_match = match;
  }

  std::optional<Match> last_match{};

 private:
  HostFacts host_;
  std::map<std::pair<std::string, std::uint16_t>, PortFacts> ports_{};
};

// What was sent, instead of sending it.
class FakeSender : public RawSender {
 public:
  explicit FakeSender(std::vector<std::string>& sent) : sent_{sent} {}
  Result<void> send(std::string_view bytes, const service::Endpoint& /*to*/) override {
    sent_.emplace_back(bytes);
    return {};
  }

 private:
  std::vector<std::string>& sent_;
};

// A scan that the test sets up.
class FakeContext : public HostContext {
 public:
  [[nodiscard]] bool may_send(const IpAddress& to) const override {
    asked.push_back(to.to_string());
    return blocked.count(to.to_string()) == 0;
  }
  [[nodiscard]] int verbosity() const override { return 1; }
  [[nodiscard]] int debugging() const override { return debug; }
  [[nodiscard]] int timing_level() const override { return 3; }
  [[nodiscard]] int version_intensity() const override { return 7; }
  [[nodiscard]] bool is_privileged() const override { return true; }
  [[nodiscard]] AddressFamily address_family() const override { return AddressFamily::V4; }
  [[nodiscard]] int ttl() const override { return 64; }
  [[nodiscard]] int payload_length() const override { return 0; }
  [[nodiscard]] SocketLimits socket_limits() const override { return limits; }
  [[nodiscard]] service::SocketSettings socket_settings() const override { return {}; }
  [[nodiscard]] std::optional<std::string> interface() const override { return {}; }
  [[nodiscard]] std::vector<InterfaceFacts> interfaces() const override {
    return {{.device = "lo",
             .short_name = "lo",
             .address = Ipv4Address{0x7f000001},
             .prefix_length = 8,
             .link = "loopback",
             .up = true,
             .mtu = 65'536}};
  }
  [[nodiscard]] std::vector<std::string> dns_servers() const override { return {"198.18.0.53"}; }
  [[nodiscard]] std::optional<std::string> fetch_file(const std::string& name) const override {
    return name == "nmap-services" ? std::optional<std::string>{"/data/nmap-services"}
                                   : std::nullopt;
  }
  [[nodiscard]] bool is_excluded(std::string_view protocol, std::uint16_t port) const override {
    return protocol == "tcp" && port == 9100;
  }
  bool add_target(const std::string& target) override {
    if (!IpAddress::parse(target)) return false;
    targets.push_back(target);
    return true;
  }
  [[nodiscard]] std::size_t new_targets() const override { return targets.size(); }
  void log(Stream /*stream*/, std::string_view text) override { logged.emplace_back(text); }
  [[nodiscard]] ScannedHost* find_host(const std::string& which) override {
    return host != nullptr && host->name() == which ? host : nullptr;
  }
  [[nodiscard]] Result<std::unique_ptr<RawSender>> open_ethernet(
      const std::string& device) override {
    if (device != "eth0") return fail(ExitCode::Device, "no Ethernet device");
    return std::make_unique<FakeSender>(sent);
  }
  [[nodiscard]] Result<std::unique_ptr<RawSender>> open_raw_ip() override {
    return std::make_unique<FakeSender>(sent);
  }

  int debug = 0;
  SocketLimits limits{};
  std::set<std::string> blocked{};
  mutable std::vector<std::string> asked{};
  std::vector<std::string> targets{}, logged{}, sent{};
  ScannedHost* host = nullptr;
};

}  // namespace trawl::nse
