#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/interval_set.h"
#include "base/result.h"

namespace trawl::control {

// An address of either family, as a command line names it.
using AnyAddress = std::variant<Ipv4Address, Ipv6Address>;

// "198.18.0.1" or "2001:db8::1"; anything else is nullopt.
[[nodiscard]] std::optional<AnyAddress> parse_any_address(std::string_view text);
[[nodiscard]] std::string to_string(const AnyAddress& address);

// Addresses of both families that must not be probed.
struct AddressList {
  Ipv4Set v4;
  Ipv6Set v6;

  void add(const AddressList& other);
  [[nodiscard]] bool contains(const AnyAddress& address) const;
  // The list as the fewest prefixes that make it up, one a line: IPv4, then IPv6, each in rising
  // order. Equal lists have equal texts, so a digest of the text identifies the list.
  [[nodiscard]] std::string to_text() const;
  // The SHA-256 of to_text(), without the whole text in memory.
  [[nodiscard]] std::string digest() const;
};

// The prefixes that make up a set, in rising order.
void for_each_prefix(const Ipv4Set& set, const std::function<void(const Ipv4Prefix&)>& visit);
void for_each_prefix(const Ipv6Set& set, const std::function<void(const Ipv6Prefix&)>& visit);

// Adds what the content of a list file called `name` holds: any number of entries a line, "#"
// starts a comment, CR LF and a UTF-8 byte order mark are tolerated. An entry is a target as
// target_spec.h takes it, or an IPv6 address, prefix, or range from the first to the last. Fails
// with BadInput, naming the line.
[[nodiscard]] Result<void> parse_address_list(std::string_view content, std::string_view name,
                                              AddressList& into);

// An entry of a list.
struct ListEntry {
  std::uint64_t line = 0;
  std::string text;  // As written.
};

// For each address the first entry of the list that holds it. Fails as parse_address_list() does.
// Cost: takes the list entry by entry, for a person who asks; not for a scan.
[[nodiscard]] Result<std::vector<std::optional<ListEntry>>> find_entries(
    std::string_view content, std::string_view name, std::span<const AnyAddress> addresses);

// The bytes of the regular file at `path`: all of them, so that a digest and a list come from the
// same bytes. Fails with BadInput: not readable, not a regular file, or over `most` bytes.
[[nodiscard]] Result<std::string> read_whole_file(const std::string& path, std::size_t most);

inline constexpr std::size_t kLargestList = std::size_t{256} << 20U;  // Bytes.

}  // namespace trawl::control
