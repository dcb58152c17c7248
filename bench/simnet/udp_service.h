#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace trawl::simnet {

// What an open UDP port of a simulated host says to `request`: a short, plausible answer of the
// protocol that lives on the port, with the identifiers of the request in it (RFC by RFC in
// udp_service.cc). A request that is not of the protocol, and one to a port without a known
// protocol, is sent back as the echo service does (RFC 862), so an open port always answers.
//
// `answer` may not overlap `request`. Returns the size of the answer, at most kMostAnswer.
//
// Cost: bounded by the sizes of both; allocates nothing.
inline constexpr std::size_t kMostAnswer = 512;
[[nodiscard]] std::size_t answer_udp(std::uint16_t port, std::span<const std::byte> request,
                                     std::span<std::byte, kMostAnswer> answer) noexcept;

}  // namespace trawl::simnet
