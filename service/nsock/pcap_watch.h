#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "service/nsock/event.h"

struct pcap;

namespace trawl::service {

// What comes and goes on an interface, by libpcap, without waiting.
class PcapWatch {
 public:
  struct Settings {
    std::string device{};
    std::string filter{};  // As pcap-filter(7) has it; "" for everything.
    int snap_length = 65'535;
    bool promiscuous = false;
  };
  // Fails with BadInput for a filter that libpcap does not take, with Device for the others.
  [[nodiscard]] static Result<std::unique_ptr<PcapWatch>> open(const Settings& settings);
  ~PcapWatch();
  PcapWatch(const PcapWatch&) = delete;
  PcapWatch& operator=(const PcapWatch&) = delete;

  // To wait for; it belongs to libpcap.
  [[nodiscard]] int fd() const noexcept { return fd_; }
  // Bytes before the network layer, as link_type() has it.
  [[nodiscard]] std::uint32_t network_offset() const noexcept;
  [[nodiscard]] int link_type() const noexcept { return link_type_; }

  struct Packet {
    std::string_view bytes;  // Until the next call.
    PacketDetails details;
  };
  enum class Step : std::uint8_t { Packet, None, Failed };
  [[nodiscard]] Step next(Packet& packet);

 private:
  explicit PcapWatch(pcap* handle) : handle_{handle} {}

  pcap* handle_;
  int fd_ = -1;
  int link_type_ = 0;
};

}  // namespace trawl::service
