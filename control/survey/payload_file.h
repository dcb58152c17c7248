#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dataplane/udp_payload.h"

namespace trawl::control {

// UDP payloads as people write them, one a line; a line that begins with a blank goes on with the
// one before, and "#" outside quotes starts a comment:
//
//   [NAME:] PORT[,PORT-PORT] PIECE... [=> STEP...]
//
//   pieces   01ff               bytes in hex, in pairs
//            "text\x00"         text with \r \n \t \0 \" \\ and \xNN
//            %id7 %id16 %id30   the cookie, cut to fit; %id32 and %idhex are all of it
//            %stamp             when the probe was sent, four bytes
//            %zeroN             N bytes of zero
//   steps    01ff "text" %id... %stamp   must follow here
//            %skipN             N bytes of any value
//            %find "text"       go on behind the first place where this is
//            %snmp              an SNMP message that has %id30
//            %anyport           the reply may come from another port
//
// Without steps anything that comes from the port is a reply. A port may be named twice only in
// lines with a name: the first line counts unless the other is asked for.
//
// Every failure has ExitCode::BadInput, and names `name` and the line.
[[nodiscard]] Result<std::vector<dataplane::UdpPayload>> parse_payloads(std::string_view content,
                                                                        std::string_view name);

// parse_payloads() for the file at `path`, at most kLargestPayloadFile bytes.
[[nodiscard]] Result<std::vector<dataplane::UdpPayload>> read_payload_file(const std::string& path);

// Those of data/udp_payloads.txt.
[[nodiscard]] std::vector<dataplane::UdpPayload> builtin_payloads();

// Payloads in rising order of preference: the built-in ones, those of `own`, and those that
// `wanted`, a list such as "snmp-v2c,dns", names. Fails with Usage: no payload of that name (the
// nearest is suggested).
[[nodiscard]] Result<std::vector<dataplane::UdpPayload>> order_payloads(
    const std::vector<dataplane::UdpPayload>& own, std::string_view wanted,
    std::string_view option);

inline constexpr std::size_t kLargestPayloadFile = std::size_t{1} << 20U;  // Bytes.
inline constexpr std::size_t kMostPayloads = 256;
inline constexpr std::size_t kMostReplySteps = 16;

}  // namespace trawl::control
