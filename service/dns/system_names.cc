#include "service/dns/system_names.h"

#include <netdb.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>

#include "service/dns/socket_address.h"

namespace trawl::service {
namespace {

std::string name_of(const IpAddress& ip) {
  const SocketAddress address = to_socket_address(ip);
  std::array<char, NI_MAXHOST> name{};
  const int error = ::getnameinfo(reinterpret_cast<const sockaddr*>(&address.bytes), address.size,
                                  name.data(), name.size(), nullptr, 0, NI_NAMEREQD);
  return error == 0 ? std::string{name.data()} : std::string{};
}

}  // namespace

std::vector<IpAddress> system_addresses_of(const std::string& name, AddressFamily family) {
  addrinfo hints{};
  hints.ai_family = family == AddressFamily::V4 ? AF_INET : AF_INET6;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  std::vector<IpAddress> addresses;
  if (::getaddrinfo(name.c_str(), nullptr, &hints, &found) != 0) return addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    const auto ip = to_ip_address(one->ai_addr);
    const bool is_wanted = ip && ip->is_v4() == (family == AddressFamily::V4);
    if (is_wanted && std::ranges::find(addresses, *ip) == addresses.end()) {
      addresses.push_back(*ip);
    }
  }
  ::freeaddrinfo(found);
  return addresses;
}

std::vector<std::string> system_names_of(std::span<const IpAddress> addresses) {
  std::vector<std::string> names(addresses.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < addresses.size(); i = next++) names[i] = name_of(addresses[i]);
  };
  std::vector<std::thread> helpers;
  const std::size_t wanted = std::min<std::size_t>(addresses.size(), kSystemAskers);
  for (std::size_t i = 1; i < wanted; ++i) helpers.emplace_back(work);
  work();
  for (std::thread& helper : helpers) helper.join();
  return names;
}

}  // namespace trawl::service
