#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/address_family.h"
#include "base/ip.h"
#include "service/dns/name_settings.h"

namespace trawl::service {

// The addresses of names, and names of addresses, by c-ares: /etc/hosts first, then the servers of
// /etc/resolv.conf or of the settings, as this system does it; or by the system's own resolver.
// Numbers in the old forms of inet_aton(3) ("1.2", "0x7f.1") are addresses.
//
// Thread: one user; names_of() as many as askers() says.
class NameResolver {
 public:
  explicit NameResolver(const NameSettings& settings = {});
  ~NameResolver();
  NameResolver(const NameResolver&) = delete;
  NameResolver& operator=(const NameResolver&) = delete;

  // From any thread: what is being asked for, and whatever will be, has no answer. A question to
  // the system's resolver goes on.
  void interrupt() noexcept;

  struct Answer {
    std::vector<IpAddress> addresses;  // Of the family asked for.
    bool has_other_family = false;     // There are none, but some of the other.
  };
  // Waits for the answer.
  [[nodiscard]] Answer resolve(const std::string& name, AddressFamily family);
  // The names of addresses, "" for those without, all asked at once. Waits for the last answer.
  [[nodiscard]] std::vector<std::string> names_of(std::span<const IpAddress> addresses);
  // How many threads may call names_of() at once: more than one where a call asks one by one.
  [[nodiscard]] unsigned askers() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trawl::service
