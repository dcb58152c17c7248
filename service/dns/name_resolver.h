#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/address_family.h"
#include "base/ip.h"

namespace trawl::service {

// The addresses of names, by c-ares: /etc/hosts first, then the servers of /etc/resolv.conf, as
// this system does it. Numbers in the old forms of inet_aton(3) ("1.2", "0x7f.1") are addresses.
//
// Thread: one user.
class NameResolver {
 public:
  NameResolver();
  ~NameResolver();
  NameResolver(const NameResolver&) = delete;
  NameResolver& operator=(const NameResolver&) = delete;

  struct Answer {
    std::vector<IpAddress> addresses;  // Of the family asked for.
    bool has_other_family = false;     // There are none, but some of the other.
  };
  // Waits for the answer.
  [[nodiscard]] Answer resolve(const std::string& name, AddressFamily family);
  // The names of addresses, "" for those without, all asked at once. Waits for the last answer.
  [[nodiscard]] std::vector<std::string> names_of(std::span<const IpAddress> addresses);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trawl::service
