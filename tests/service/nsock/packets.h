#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <thread>

#include "service/nsock/packet_source.h"

namespace trawl::service {

inline std::shared_ptr<PacketSource> make_source(PacketSource::Settings settings) {
  auto source = PacketSource::open(settings);
  EXPECT_TRUE(source) << source.error().message;
  return *source;
}

inline SeenPacket packet(std::uint64_t tag, std::string_view bytes) {
  return {.details = {.tag = tag}, .from = {}, .bytes = std::as_bytes(std::span{bytes})};
}

inline std::string_view text_of(const SeenPacket& seen) {
  return {reinterpret_cast<const char*>(seen.bytes.data()), seen.bytes.size()};
}

// The eight bytes of a number.
inline std::string_view number_text(const std::uint64_t& number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

// Packets 0 to `count`, each with its number for tag and bytes, in bursts of 1 to 7; then the end.
// Now and then it lets the reader run dry.
inline void offer_numbers(PacketSource& source, std::uint64_t count) {
  std::array<std::uint64_t, 7> numbers{};
  std::array<SeenPacket, 7> burst{};
  for (std::uint64_t next = 0; next < count;) {
    const std::size_t size = std::min<std::uint64_t>(1 + next % burst.size(), count - next);
    for (std::size_t i = 0; i < size; ++i) {
      numbers[i] = next + i;
      burst[i] = packet(numbers[i], number_text(numbers[i]));
    }
    const std::size_t taken = source.offer(std::span{burst}.first(size));
    if (taken < size || next % 64 == 0) std::this_thread::yield();
    next += taken;
  }
  source.end();
}

}  // namespace trawl::service
