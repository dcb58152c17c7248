#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/mac.h"
#include "base/result.h"
#include "base/units.h"
#include "control/survey/retry_mode.h"
#include "control/survey/shard.h"
#include "dataplane/probe_kind.h"
#include "dataplane/vlan.h"

// Values of single options. Each fails with Usage: one sentence that names `option`, quotes the
// text and says what was expected.
namespace trawl::control {

// A decimal number below 2^64, or up to 32 hex digits behind "0x".
[[nodiscard]] Result<Uint128> parse_seed(std::string_view text, std::string_view option);

// The seed as --seed takes it back: "0x" and 32 hex digits.
[[nodiscard]] std::string format_seed(Uint128 seed);

// One CPU number for each polling thread, in the order written: "0", "0,1", "2-5". A CPU named
// twice runs two threads, which take turns. At most 64 of them, none over 4095.
[[nodiscard]] Result<std::vector<unsigned>> parse_cpu_list(std::string_view text,
                                                           std::string_view option);

// "i/n" with 1 <= i <= n: part i of n. Below 2^32.
[[nodiscard]] Result<Shard> parse_shard(std::string_view text, std::string_view option);

[[nodiscard]] Result<RetryMode> parse_retry_mode(std::string_view text, std::string_view option);

// How many probes a target gets: 1...5.
[[nodiscard]] Result<unsigned> parse_probe_count(std::string_view text, std::string_view option);

// "512M", "2G", "65536": bytes; k, M and G are powers of 1024, and may be followed by B or iB. At
// least 1M.
[[nodiscard]] Result<ByteCount> parse_byte_count(std::string_view text, std::string_view option);

// One address or several, written as targets are: "198.18.0.2,198.18.0.5-9". Sorted, each once, at
// most SourceAddresses::kMost.
[[nodiscard]] Result<std::vector<IpAddress>> parse_source_addresses(std::string_view text,
                                                                    std::string_view option);

[[nodiscard]] Result<IpAddress> parse_address(std::string_view text, std::string_view option);

// "tcp-syn", "tcp-ack", ...
[[nodiscard]] Result<dataplane::ProbeKind> parse_probe_kind(std::string_view text,
                                                            std::string_view option);

// A number from 1 to 4094.
[[nodiscard]] Result<dataplane::VlanId> parse_vlan(std::string_view text, std::string_view option);

// "linux" or "mss".
[[nodiscard]] Result<dataplane::SynOptions> parse_syn_options(std::string_view text,
                                                              std::string_view option);

// A number of hops from 1 to 255.
[[nodiscard]] Result<std::uint8_t> parse_ttl(std::string_view text, std::string_view option);

// The name of a network interface: 1 to 15 bytes without blanks, slashes, colons and percent signs
// (dev_valid_name() in the kernel).
[[nodiscard]] Result<std::string> parse_interface_name(std::string_view text,
                                                       std::string_view option);

[[nodiscard]] Result<MacAddress> parse_mac(std::string_view text, std::string_view option);

}  // namespace trawl::control
