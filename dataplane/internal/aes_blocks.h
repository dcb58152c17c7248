#pragma once

#include <span>

#include "dataplane/probe_mac.h"

namespace trawl::dataplane::internal {

// AES-128 encryption of each block in place. The last three need the processor feature they name.
void aes_portable(const ProbeMac::RoundKeys& keys, std::span<MacBlock> blocks) noexcept;
void aes_ni(const ProbeMac::RoundKeys& keys, std::span<MacBlock> blocks) noexcept;
void aes_vaes256(const ProbeMac::RoundKeys& keys, std::span<MacBlock> blocks) noexcept;
void aes_vaes512(const ProbeMac::RoundKeys& keys, std::span<MacBlock> blocks) noexcept;

// FIPS 197 section 5.1.1, worked out at compile time.
[[nodiscard]] std::uint8_t aes_sbox(std::uint8_t byte) noexcept;

}  // namespace trawl::dataplane::internal
