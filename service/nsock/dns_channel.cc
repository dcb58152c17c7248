#include "service/nsock/dns_channel.h"

#include <ares.h>
#include <arpa/inet.h>
#include <sys/time.h>

#include <utility>

#include "service/dns/name_channel.h"
#include "service/dns/socket_address.h"

namespace trawl::service {

struct DnsChannel::Lookup {
  DnsChannel* channel = nullptr;
  EventId id{};
  AddressFamily family = AddressFamily::V4;
};

DnsChannel::DnsChannel(NameSettings settings, Poller& poller, Answer answer)
    : settings_{std::move(settings)}, poller_{&poller}, answer_{std::move(answer)} {}

DnsChannel::~DnsChannel() {
  is_closing_ = true;
  if (channel_ != nullptr) ares_destroy(channel_);
}

void DnsChannel::ask(EventId id, const std::string& name, AddressFamily family) {
  in_addr old_form{};
  if (family == AddressFamily::V4 && inet_aton(name.c_str(), &old_form) == 1) {
    // inet_aton() stops at a blank and takes the rest for granted.
    if (name.find_first_of(" \t\n\v\f\r") != std::string::npos) {
      return answer_(id, {}, ares_strerror(ARES_EBADNAME));
    }
    return answer_(id, {Ipv4Address{ntohl(old_form.s_addr)}}, nullptr);
  }
  if (channel_ == nullptr) {
    ares_options options{};
    options.sock_state_cb = take_socket;
    options.sock_state_cb_data = this;
    channel_ = open_name_channel(settings_, options, ARES_OPT_SOCK_STATE_CB);
    if (channel_ == nullptr) return answer_(id, {}, "no name server can be asked");
  }
  ares_addrinfo_hints hints{};
  hints.ai_family = family == AddressFamily::V4 ? AF_INET : AF_INET6;
  hints.ai_socktype = SOCK_STREAM;
  ++asked_;
  auto lookup = std::make_unique<Lookup>(Lookup{.channel = this, .id = id, .family = family});
  ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, take_answer, lookup.release());
}

void DnsChannel::take_answer(void* argument, int status, int /*timeouts*/, ares_addrinfo* info) {
  const std::unique_ptr<Lookup> lookup{static_cast<Lookup*>(argument)};
  std::vector<IpAddress> addresses;
  if (info != nullptr) {
    for (const ares_addrinfo_node* node = info->nodes; node != nullptr; node = node->ai_next) {
      const auto ip = to_ip_address(node->ai_addr);
      if (ip && ip->is_v4() == (lookup->family == AddressFamily::V4)) addresses.push_back(*ip);
    }
    ares_freeaddrinfo(info);
  }
  DnsChannel& channel = *lookup->channel;
  --channel.asked_;
  if (channel.is_closing_) return;
  if (status == ARES_SUCCESS && addresses.empty()) status = ARES_ENODATA;
  channel.answer_(lookup->id, std::move(addresses),
                  status == ARES_SUCCESS ? nullptr : ares_strerror(status));
}

void DnsChannel::take_socket(void* channel, int fd, int reads, int writes) {
  auto& self = *static_cast<DnsChannel*>(channel);
  const auto found = self.watches_.find(fd);
  if (reads == 0 && writes == 0) {
    if (found == self.watches_.end()) return;
    self.poller_->remove(found->second, fd, false);
    self.watches_.erase(found);
    return;
  }
  // Levels: c-ares does not always read all there is.
  const std::uint32_t events = (reads != 0 ? EPOLLIN : 0U) | (writes != 0 ? EPOLLOUT : 0U);
  if (found != self.watches_.end()) {
    self.poller_->change(found->second, fd, events);
    return;
  }
  const auto watch =
      self.poller_->add(fd, events, Poller::Source::Names, static_cast<std::uint64_t>(fd));
  if (watch != Poller::Watch{}) self.watches_.emplace(fd, watch);
}

void DnsChannel::take_ready(int fd, std::uint32_t events) {
  const bool has_ended = (events & (EPOLLERR | EPOLLHUP)) != 0;
  const bool reads = (events & EPOLLIN) != 0 || has_ended;
  const bool writes = (events & EPOLLOUT) != 0 || has_ended;
  ares_process_fd(channel_, reads ? fd : ARES_SOCKET_BAD, writes ? fd : ARES_SOCKET_BAD);
}

void DnsChannel::take_time() {
  if (asked_ > 0 && wait() == Wait{0}) ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

Wait DnsChannel::wait() const {
  if (asked_ == 0) return kForever;
  timeval left{};
  const timeval* const time = ares_timeout(channel_, nullptr, &left);
  if (time == nullptr) return kForever;
  return std::chrono::seconds{time->tv_sec} + Wait{time->tv_usec};
}

}  // namespace trawl::service
