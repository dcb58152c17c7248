#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

#include "base/ip.h"
#include "base/service_fact.h"
#include "base/verdict.h"

namespace trawl::control {

// A port that was found open, on its way to who asks what it is.
struct OpenPort {
  IpAddress ip{};
  std::uint64_t index = 0;  // Of the target.
  std::uint16_t port = 0;
  Protocol protocol = Protocol::Tcp;  // Or Udp.
};
static_assert(std::is_trivially_copyable_v<OpenPort> && sizeof(OpenPort) <= 32);

// What was found out about one.
struct PortAnswer {
  std::uint64_t index = 0;
  ServiceFact fact{};
  std::shared_ptr<const ServiceFact> host{};  // Of the port's host, with one of its ports.
};

}  // namespace trawl::control
