#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "control/scripts/audited_host.h"
#include "nse/host/host_context.h"

namespace trawl::control {

// What scripts are told of an audit; the same from its beginning to its end.
struct ScriptScope {
  int verbosity = 0;
  int debugging = 0;
  int timing_level = 3;
  int version_intensity = 7;
  bool is_privileged = true;
  AddressFamily family = AddressFamily::V4;
  int ttl = 64;
  int payload_length = 0;
  nse::SocketLimits socket_limits{};
  service::SocketSettings sockets{};
  std::optional<std::string> interface {};
  std::vector<std::string> dns_servers{};
  std::vector<std::string> data_folders{};  // The first to have a file counts.
  std::function<bool(std::string_view protocol, std::uint16_t port)> is_excluded{};
  std::function<bool(const IpAddress&)> may_send{};  // Empty: everybody.
};

// The audit around the scripts, on their thread. What they say and add is collected for the
// audit's.
//
// Thread: the engine's, but for take() and heed().
class ScriptContext final : public nse::HostContext {
 public:
  struct Line {
    Stream stream = Stream::Output;
    std::string text;
  };
  struct Said {
    std::vector<Line> lines;
    std::vector<std::string> targets;
  };

  // `told` is called when there is something to take().
  ScriptContext(const ScriptScope& scope, std::function<void()> told)
      : scope_{scope}, told_{std::move(told)} {}

  // The hosts that scripts may ask for by their address or name: AuditedHosts.
  void set_hosts(std::span<nse::ScriptHost* const> hosts);
  // From any thread.
  [[nodiscard]] Said take();
  // Added targets have been taken over, and are not new any more. From any thread.
  void heed();

  [[nodiscard]] bool may_send(const IpAddress& to) const override {
    return !scope_.may_send || scope_.may_send(to);
  }
  [[nodiscard]] int verbosity() const override { return scope_.verbosity; }
  [[nodiscard]] int debugging() const override { return scope_.debugging; }
  [[nodiscard]] int timing_level() const override { return scope_.timing_level; }
  [[nodiscard]] int version_intensity() const override { return scope_.version_intensity; }
  [[nodiscard]] bool is_privileged() const override { return scope_.is_privileged; }
  [[nodiscard]] AddressFamily address_family() const override { return scope_.family; }
  [[nodiscard]] int ttl() const override { return scope_.ttl; }
  [[nodiscard]] int payload_length() const override { return scope_.payload_length; }
  [[nodiscard]] nse::SocketLimits socket_limits() const override { return scope_.socket_limits; }
  [[nodiscard]] service::SocketSettings socket_settings() const override { return scope_.sockets; }
  [[nodiscard]] std::optional<std::string> interface() const override { return scope_.interface; }
  [[nodiscard]] std::vector<nse::InterfaceFacts> interfaces() const override;
  [[nodiscard]] std::vector<std::string> dns_servers() const override { return scope_.dns_servers; }
  [[nodiscard]] std::optional<std::string> fetch_file(const std::string& name) const override;
  [[nodiscard]] bool is_excluded(std::string_view protocol, std::uint16_t port) const override {
    return scope_.is_excluded && scope_.is_excluded(protocol, port);
  }
  bool add_target(const std::string& target) override;
  [[nodiscard]] std::size_t new_targets() const override;
  void log(Stream stream, std::string_view text) override;
  [[nodiscard]] nse::ScannedHost* find_host(const std::string& address_or_name) override;
  [[nodiscard]] Result<std::unique_ptr<nse::RawSender>> open_ethernet(
      const std::string& device) override;
  [[nodiscard]] Result<std::unique_ptr<nse::RawSender>> open_raw_ip() override;

 private:
  const ScriptScope& scope_;
  std::function<void()> told_;
  std::unordered_map<std::string, AuditedHost*> hosts_;  // By address, and by name.
  mutable std::mutex mutex_;
  Said said_;
  std::unordered_set<std::string> known_targets_;  // That were ever added.
  std::size_t new_targets_ = 0;
};

}  // namespace trawl::control
