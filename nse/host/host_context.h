#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address_family.h"
#include "base/ip.h"
#include "base/result.h"
#include "nse/engine/script_thread.h"
#include "nse/host/host_facts.h"
#include "nse/host/socket_slots.h"
#include "service/nsock/event.h"

namespace trawl::nse {

// A host of the group that is being scanned. Its tables are made of its facts.
class ScannedHost : public ScriptHost {
 public:
  // What a script learned of a service, and how far it got.
  enum class Match : std::uint8_t { Hard, Soft, None, TcpWrapped, Incomplete };

  [[nodiscard]] virtual HostFacts facts() const = 0;
  // nullopt for a port that was not scanned.
  [[nodiscard]] virtual std::optional<PortFacts> port(std::string_view protocol,
                                                      std::uint16_t number) const = 0;
  // The first port above `after` (-1: from the start) of that protocol and state.
  [[nodiscard]] virtual std::optional<PortFacts> next_port(std::string_view protocol,
                                                           std::string_view state,
                                                           int after) const = 0;
  // "open" or "closed"; the reason is then "script-set".
  virtual void set_state(std::string_view protocol, std::uint16_t number, bool open) = 0;
  virtual void set_version(std::string_view protocol, std::uint16_t number,
                           const PortVersion& version, Match match) = 0;

  // `host.registry` is the same table for all scripts; the rest is made anew.
  void push_host(lua_State* lua) override;
  void push_port(lua_State* lua, const ScriptPort& port) override;
};

// Where raw frames or packets go out.
class RawSender {
 public:
  virtual ~RawSender() = default;
  // An Ethernet frame, or an IP packet with its header, for which `to` says where it goes.
  [[nodiscard]] virtual Result<void> send(std::string_view bytes, const service::Endpoint& to) = 0;
};

// The scan around the scripts.
//
// Thread: the engine's.
class HostContext {
 public:
  virtual ~HostContext() = default;

  // The egress guard: whether a packet may go there. Asked of each connect, datagram and raw send.
  [[nodiscard]] virtual bool may_send(const IpAddress& to) const = 0;

  [[nodiscard]] virtual int verbosity() const = 0;
  [[nodiscard]] virtual int debugging() const = 0;
  [[nodiscard]] virtual int timing_level() const = 0;       // 0 to 5.
  [[nodiscard]] virtual int version_intensity() const = 0;  // 0 to 9.
  [[nodiscard]] virtual bool is_privileged() const = 0;
  [[nodiscard]] virtual AddressFamily address_family() const = 0;
  [[nodiscard]] virtual int ttl() const = 0;             // Of raw packets; 64 unless asked for.
  [[nodiscard]] virtual int payload_length() const = 0;  // Of --data-length.
  // Script threads that hold sockets at once (--max-parallelism).
  [[nodiscard]] virtual SocketLimits socket_limits() const = 0;
  // What sockets are bound to, for those that bind nothing themselves (-S, -g, -e).
  [[nodiscard]] virtual service::SocketSettings socket_settings() const = 0;

  [[nodiscard]] virtual std::optional<std::string> interface() const = 0;  // Of -e.
  [[nodiscard]] virtual std::vector<InterfaceFacts> interfaces() const = 0;
  [[nodiscard]] virtual std::vector<std::string> dns_servers() const = 0;
  // The path of a data file; nullopt for none that can be read.
  [[nodiscard]] virtual std::optional<std::string> fetch_file(const std::string& name) const = 0;
  [[nodiscard]] virtual bool is_excluded(std::string_view protocol, std::uint16_t port) const = 0;
  // A target to be scanned after these. False for what cannot be one.
  virtual bool add_target(const std::string& target) = 0;
  [[nodiscard]] virtual std::size_t new_targets() const = 0;  // Added, and not scanned yet.
  enum class Stream : std::uint8_t { Output, Errors };
  virtual void log(Stream stream, std::string_view text) = 0;

  // By address or name of the target; null for one outside of the group.
  [[nodiscard]] virtual ScannedHost* find_host(const std::string& address_or_name) = 0;

  // Fails for what is no Ethernet device.
  [[nodiscard]] virtual Result<std::unique_ptr<RawSender>> open_ethernet(
      const std::string& device) = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<RawSender>> open_raw_ip() = 0;
};

}  // namespace trawl::nse
