#include "service/dns/name_resolver.h"

#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <utility>

#include "service/dns/name_channel.h"
#include "service/dns/socket_address.h"
#include "service/dns/system_names.h"

namespace trawl::service {
namespace {

constexpr int kLookMs = 200;  // Between looks at c-ares' own timers.

struct Lookup {
  std::vector<IpAddress> addresses;
  bool done = false;
};

void take_answer(void* argument, int status, int /*timeouts*/, ares_addrinfo* info) {
  auto* const lookup = static_cast<Lookup*>(argument);
  lookup->done = true;
  if (status == ARES_SUCCESS) {
    for (const ares_addrinfo_node* node = info->nodes; node != nullptr; node = node->ai_next) {
      if (const auto ip = to_ip_address(node->ai_addr)) lookup->addresses.push_back(*ip);
    }
  }
  if (info != nullptr) ares_freeaddrinfo(info);
}

struct NameLookup {
  std::string name;
  std::size_t* waiting = nullptr;
};

void take_name(void* argument, int status, int /*timeouts*/, hostent* host) {
  auto* const lookup = static_cast<NameLookup*>(argument);
  --*lookup->waiting;
  if (status == ARES_SUCCESS && host != nullptr && host->h_name != nullptr) {
    lookup->name = host->h_name;
  }
}

}  // namespace

struct NameResolver::Impl {
  bool asks_system = false;
  ares_channel channel = nullptr;  // nullptr where c-ares cannot be used.

  void ask_name(const IpAddress& address, NameLookup& into);
  std::atomic<bool> is_interrupted = false;

  std::vector<IpAddress> look_up(const std::string& name, int family);
  void wait_a_little();
};

NameResolver::NameResolver(const NameSettings& settings) : impl_{std::make_unique<Impl>()} {
  impl_->asks_system = settings.asks_system;
  if (!settings.asks_system) impl_->channel = open_name_channel(settings);
}

NameResolver::~NameResolver() {
  if (impl_->channel != nullptr) ares_destroy(impl_->channel);
}

std::vector<IpAddress> NameResolver::Impl::look_up(const std::string& name, int family) {
  if (asks_system) {
    return system_addresses_of(name, family == AF_INET ? AddressFamily::V4 : AddressFamily::V6);
  }
  if (channel == nullptr) return {};
  Lookup lookup;
  ares_addrinfo_hints hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  ares_getaddrinfo(channel, name.c_str(), nullptr, &hints, take_answer, &lookup);
  while (!lookup.done) wait_a_little();
  std::erase_if(lookup.addresses, [family](const IpAddress& address) {
    return address.is_v4() != (family == AF_INET);
  });
  return std::move(lookup.addresses);
}

void NameResolver::Impl::wait_a_little() {
  if (is_interrupted) {
    ares_cancel(channel);
    return;
  }
  std::array<ares_socket_t, ARES_GETSOCK_MAXNUM> sockets{};
  const int wanted = ares_getsock(channel, sockets.data(), static_cast<int>(sockets.size()));
  std::array<pollfd, ARES_GETSOCK_MAXNUM> polled{};
  nfds_t count = 0;
  for (unsigned i = 0; i < sockets.size(); ++i) {
    short events = 0;
    if (ARES_GETSOCK_READABLE(static_cast<unsigned>(wanted), i)) events |= POLLIN;
    if (ARES_GETSOCK_WRITABLE(static_cast<unsigned>(wanted), i)) events |= POLLOUT;
    if (events != 0) polled[count++] = {.fd = sockets[i], .events = events, .revents = 0};
  }
  const int ready = poll(polled.data(), count, kLookMs);
  bool any = false;
  for (nfds_t i = 0; ready > 0 && i < count; ++i) {
    const bool can_read = (polled[i].revents & ~POLLOUT) != 0;
    const bool can_write = (polled[i].revents & POLLOUT) != 0;
    if (!can_read && !can_write) continue;
    any = true;
    ares_process_fd(channel, can_read ? polled[i].fd : ARES_SOCKET_BAD,
                    can_write ? polled[i].fd : ARES_SOCKET_BAD);
  }
  if (!any) ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

NameResolver::Answer NameResolver::resolve(const std::string& name, AddressFamily family) {
  Answer answer;
  if (name.empty() || impl_->is_interrupted) return answer;
  in_addr old_form{};
  if (family == AddressFamily::V4 && inet_aton(name.c_str(), &old_form) == 1) {
    // inet_aton() stops at a blank and takes the rest for granted.
    if (name.find_first_of(" \t\n\v\f\r") != std::string::npos) return answer;
    answer.addresses.emplace_back(Ipv4Address{ntohl(old_form.s_addr)});
    return answer;
  }
  const int wanted = family == AddressFamily::V4 ? AF_INET : AF_INET6;
  const auto begin = std::chrono::steady_clock::now();
  answer.addresses = impl_->look_up(name, wanted);
  // Where nobody answered there is no use in another question.
  const bool was_answered = std::chrono::steady_clock::now() - begin < std::chrono::seconds{1};
  if (answer.addresses.empty() && was_answered) {
    answer.has_other_family = !impl_->look_up(name, wanted == AF_INET ? AF_INET6 : AF_INET).empty();
  }
  return answer;
}

void NameResolver::Impl::ask_name(const IpAddress& address, NameLookup& into) {
  std::array<std::uint8_t, 16> bytes{};
  if (address.is_v4()) {
    const std::uint32_t value = htonl(address.v4().value());
    std::memcpy(bytes.data(), &value, sizeof value);
    ares_gethostbyaddr(channel, bytes.data(), sizeof value, AF_INET, take_name, &into);
    return;
  }
  Uint128 value = address.v6().value();
  for (std::size_t i = bytes.size(); i-- > 0; value >>= 8U) {
    bytes[i] = static_cast<std::uint8_t>(value);
  }
  ares_gethostbyaddr(channel, bytes.data(), static_cast<int>(bytes.size()), AF_INET6, take_name,
                     &into);
}

std::vector<std::string> NameResolver::names_of(std::span<const IpAddress> addresses) {
  if (impl_->asks_system) return system_names_of(addresses);
  std::vector<std::string> names(addresses.size());
  if (impl_->channel == nullptr) return names;
  std::size_t waiting = addresses.size();
  std::vector<NameLookup> lookups(addresses.size());
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    lookups[i].waiting = &waiting;
    impl_->ask_name(addresses[i], lookups[i]);
  }
  while (waiting > 0) impl_->wait_a_little();
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = std::move(lookups[i].name);
  return names;
}

void NameResolver::interrupt() noexcept { impl_->is_interrupted = true; }

unsigned NameResolver::askers() const noexcept { return impl_->asks_system ? kSystemAskers : 1; }

}  // namespace trawl::service
