#pragma once

#include <lua.hpp>
#include <memory>
#include <optional>
#include <string>

#include "nse/host/host_module.h"
#include "nse/lua/suspension.h"
#include "service/nsock/event.h"

namespace trawl::nse {

class CaptureReader;

// A socket of a script: the contents of a userdata.
struct NseSocket {
  enum class Protocol : std::uint8_t { Tcp, Udp, Tls };

  explicit NseSocket(HostModule& its_module) : module{its_module} {}
  ~NseSocket() { shut(false); }
  NseSocket(const NseSocket&) = delete;
  NseSocket& operator=(const NseSocket&) = delete;

  // Closes what there is; `tells` has threads that wait for it resumed.
  void shut(bool tells);
  [[nodiscard]] bool is_open() const noexcept {
    return id != service::SocketId{} || reader != nullptr;
  }

  HostModule& module;
  Protocol protocol = Protocol::Tcp;  // Unless connect() is told another.
  AddressFamily family = AddressFamily::V4;
  service::Wait timeout = std::chrono::seconds{30};
  std::optional<IpAddress> bind_ip{};
  std::uint16_t bind_port = 0;

  service::SocketId id{};         // Of the loop; 0 while closed.
  Protocol used = Protocol::Tcp;  // Of the connection there is.
  bool is_connected = false;      // It came to one.
  service::Endpoint peer{};       // Of it, or of the last datagram.
  std::optional<SocketSlots::Place> place{};
  std::string rest{};  // Read by receive_buf(), and not returned yet.
  std::shared_ptr<CaptureReader> reader{};
  std::optional<std::string> wanted_hash{};  // Of pcap_register().

  // What connect() or sendto() was asked for, while it waits for a slot or a name.
  struct Request {
    HostArgument host{};
    std::optional<IpAddress> ip{};
    std::uint16_t port = 0;
    bool is_port = true;  // Else the number was none.
    std::uint32_t zone = 0;
    Protocol protocol = Protocol::Tcp;
    bool sends = false;
  } request{};
};

[[nodiscard]] NseSocket& check_socket(lua_State* lua);     // Argument 1.
[[nodiscard]] NseSocket& check_connected(lua_State* lua);  // Raises an error unless it is.
void check_host_and_port(lua_State* lua, NseSocket& socket, bool has_protocol);

// What a function on a socket returns for an event: true, or nil and "TIMEOUT", "EOF"...
[[nodiscard]] int push_outcome(lua_State* lua, service::EventStatus status);
int fail_with(lua_State* lua, const char* message);  // false, message

// socket_connect.cc
int connect_socket(lua_State* lua);
int reconnect_tls(lua_State* lua);
// Gets argument 1 a slot and the address of its request, then goes on with open_request().
int prepare_request(lua_State* lua, int status, lua_KContext context);
[[nodiscard]] service::SocketSettings settings_of(const NseSocket& socket);

// socket_transfer.cc
int send_bytes(lua_State* lua);
int send_datagram(lua_State* lua);
int finish_datagram(lua_State* lua);  // Once its request has an address.
int receive_some(lua_State* lua);
int receive_lines(lua_State* lua);
int receive_bytes(lua_State* lua);
int receive_buffered(lua_State* lua);

// socket_capture.cc
int open_capture(lua_State* lua);
int register_capture(lua_State* lua);
int receive_packet(lua_State* lua);
int close_capture(lua_State* lua);

// resolution.cc
int resolve_name(lua_State* lua);  // nmap.resolve

}  // namespace trawl::nse
