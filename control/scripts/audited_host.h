#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mac.h"
#include "control/audit/report/host_report.h"
#include "control/audit/report/port_names.h"
#include "nse/engine/engine.h"
#include "nse/host/host_context.h"

namespace trawl::control {

// How a host is reached, for scripts that send packets of their own.
struct HostLink {
  std::optional<IpAddress> source{};
  std::string interface {};
  unsigned mtu = 0;
  std::optional<MacAddress> mac{};       // Of our interface...
  std::optional<MacAddress> next_hop{};  // ...and of whom packets go to first.
  std::optional<bool> is_direct{};       // It is on our link, or this machine itself.
};

// A host whose audit is over but for its scripts.
struct ScriptedHost {
  std::uint64_t id = 0;
  HostReport report{};
  HostLink link{};
};

// It as scripts see it: what they find, and what they change of its ports, goes to its report.
class AuditedHost final : public nse::ScannedHost {
 public:
  // `names` outlives it; may be nullptr.
  AuditedHost(ScriptedHost host, const PortNames* names) : host_{std::move(host)}, names_{names} {}

  void add(const nse::ScriptResult& result);
  [[nodiscard]] ScriptedHost take() { return std::move(host_); }
  [[nodiscard]] const HostReport& report() const noexcept { return host_.report; }

  // From any thread.
  void drop() noexcept { is_dropped_ = true; }

  [[nodiscard]] bool is_dropped() const noexcept override { return is_dropped_; }
  [[nodiscard]] std::string name() const override { return host_.report.ip.to_string(); }
  [[nodiscard]] std::vector<nse::ScriptPort> ports() const override;
  [[nodiscard]] nse::HostFacts facts() const override;
  [[nodiscard]] std::optional<nse::PortFacts> port(std::string_view protocol,
                                                   std::uint16_t number) const override;
  [[nodiscard]] std::optional<nse::PortFacts> next_port(std::string_view protocol,
                                                        std::string_view state,
                                                        int after) const override;
  void set_state(std::string_view protocol, std::uint16_t number, bool open) override;
  void set_version(std::string_view protocol, std::uint16_t number, const nse::PortVersion& version,
                   Match match) override;

 private:
  [[nodiscard]] PortReport* find(std::string_view protocol, std::uint16_t number);
  [[nodiscard]] nse::PortFacts facts_of(const PortReport& port) const;

  ScriptedHost host_;
  const PortNames* names_;
  std::atomic<bool> is_dropped_ = false;
};

// What a script found, for a report.
[[nodiscard]] ScriptReport report_of(const nse::ScriptResult& result);

}  // namespace trawl::control
