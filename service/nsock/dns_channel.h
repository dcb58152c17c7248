#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/address_family.h"
#include "base/ip.h"
#include "service/dns/name_settings.h"
#include "service/nsock/event.h"
#include "service/nsock/poller.h"

struct ares_addrinfo;
struct ares_channeldata;

namespace trawl::service {

// Addresses of names by c-ares, whose sockets are watched by a loop's poller.
class DnsChannel {
 public:
  // With none, why there are none.
  using Answer =
      std::function<void(EventId, std::vector<IpAddress> addresses, const char* trouble)>;

  // Opens nothing yet: most loops ask for no names. Needs a poller that outlives it.
  DnsChannel(NameSettings settings, Poller& poller, Answer answer);
  ~DnsChannel();
  DnsChannel(const DnsChannel&) = delete;
  DnsChannel& operator=(const DnsChannel&) = delete;

  // The answer may come before this returns (/etc/hosts), and comes once.
  void ask(EventId id, const std::string& name, AddressFamily family);
  // What the poller told of one of its sockets.
  void take_ready(int fd, std::uint32_t events);
  // Asks again, or gives up, where an answer is overdue.
  void take_time();
  // Until take_time() is due; kForever while nothing is being asked.
  [[nodiscard]] Wait wait() const;

 private:
  struct Lookup;
  static void take_answer(void* argument, int status, int timeouts, ares_addrinfo* info);
  static void take_socket(void* channel, int fd, int reads, int writes);

  NameSettings settings_;
  Poller* poller_;
  Answer answer_;
  ares_channeldata* channel_ = nullptr;
  std::unordered_map<int, Poller::Watch> watches_;
  std::size_t asked_ = 0;
  bool is_closing_ = false;
};

}  // namespace trawl::service
