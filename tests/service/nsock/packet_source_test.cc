#include "service/nsock/packet_source.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "tests/service/nsock/packets.h"

namespace trawl::service {
namespace {

TEST(PacketSource, RefusesWhatDoesNotFit) {
  const auto source = make_source({.packets = 3});
  EXPECT_EQ(source->capacity(), 4U);
  const auto reader = PacketReader::claim(source);
  std::vector<SeenPacket> burst(6);
  for (std::size_t i = 0; i < burst.size(); ++i) burst[i].details.tag = i;
  EXPECT_EQ(source->offer(burst), 4U);
  EXPECT_FALSE(source->offer(burst[5]));
  for (std::uint64_t i = 0; i < 2; ++i) {
    ASSERT_NE(reader->front(), nullptr);
    EXPECT_EQ(reader->front()->details.tag, i);
    reader->pop();
  }
  EXPECT_EQ(source->offer(std::span{burst}.last(3)), 2U);  // 3 and 4.
  for (const std::uint64_t tag : {2U, 3U, 3U, 4U}) {
    ASSERT_NE(reader->front(), nullptr);
    EXPECT_EQ(reader->front()->details.tag, tag);
    reader->pop();
  }
  EXPECT_EQ(reader->front(), nullptr);
}

TEST(PacketSource, KeepsTheBeginningOfAPacketAndAllThatIsSaidOfIt) {
  const auto source = make_source({.packets = 2, .most_bytes = 5});
  const auto reader = PacketReader::claim(source);
  const std::chrono::system_clock::time_point when{std::chrono::seconds{7}};
  const Endpoint from{.ip = Ipv4Address{0xc6120001}, .port = 22, .zone = 0};
  for (const std::string_view text : {"seven bytes", "two", ""}) {
    ASSERT_TRUE(source->offer({.details = {.captured = when,
                                           .wire_length = 1000,
                                           .link_type = 12,
                                           .network_offset = 3,
                                           .to = {.ip = Ipv4Address{0xc6120002}, .port = 40'000},
                                           .tag = 99},
                               .from = from,
                               .bytes = std::as_bytes(std::span{text})}));
    const SeenPacket* const seen = reader->front();
    ASSERT_NE(seen, nullptr);
    EXPECT_EQ(text_of(*seen), text.substr(0, 5));
    EXPECT_EQ(seen->from.ip, from.ip);
    EXPECT_EQ(seen->from.port, 22);
    EXPECT_EQ(seen->details.captured, when);
    EXPECT_EQ(seen->details.wire_length, 1000U);
    EXPECT_EQ(seen->details.link_type, 12);
    EXPECT_EQ(seen->details.network_offset, 3U);
    EXPECT_EQ(seen->details.to.port, 40'000);
    EXPECT_EQ(seen->details.tag, 99U);
    reader->pop();
  }
}

TEST(PacketSource, SaysWhatItCannotHold) {
  for (const PacketSource::Settings settings :
       {PacketSource::Settings{.packets = 0},
        PacketSource::Settings{.packets = PacketSource::kMostPackets + 1},
        PacketSource::Settings{.most_bytes = PacketSource::kMostBytes + 1},
        PacketSource::Settings{.packets = 20'000, .most_bytes = 65'536}}) {
    const auto source = PacketSource::open(settings);
    ASSERT_FALSE(source);
    EXPECT_EQ(source.error().code, ExitCode::BadInput);
  }
  EXPECT_EQ(make_source({.packets = 1, .most_bytes = 65'536})->capacity(), 1U);
}

TEST(PacketSource, WakesOnceWhereSomebodySleeps) {
  const auto source = make_source({.packets = 64});
  const auto reader = PacketReader::claim(source);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(source->offer(SeenPacket{}));
  EXPECT_EQ(source->wakes(), 0U);
  EXPECT_FALSE(reader->sleep());  // There are packets.
  EXPECT_TRUE(source->offer(SeenPacket{}));
  EXPECT_EQ(source->wakes(), 0U);
  while (reader->front() != nullptr) reader->pop();
  EXPECT_TRUE(reader->sleep());
  pollfd wait{.fd = reader->fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&wait, 1, 0), 0);
  const std::array<SeenPacket, 8> burst{};
  for (int i = 0; i < 3; ++i) EXPECT_EQ(source->offer(burst), 8U);
  EXPECT_EQ(source->wakes(), 1U);
  EXPECT_EQ(poll(&wait, 1, 0), 1);
}

TEST(PacketSource, EndsAndHasOneReaderAtATime) {
  const auto source = make_source({.packets = 2});
  auto reader = PacketReader::claim(source);
  EXPECT_EQ(PacketReader::claim(source), nullptr);
  EXPECT_EQ(PacketReader::claim(nullptr), nullptr);
  EXPECT_TRUE(source->offer(packet(1, "")));
  EXPECT_TRUE(source->offer(packet(2, "")));
  reader->pop();
  reader.reset();
  reader = PacketReader::claim(source);  // Goes on where the other was.
  ASSERT_NE(reader, nullptr);
  EXPECT_EQ(reader->front()->details.tag, 2U);
  reader->pop();
  EXPECT_TRUE(reader->sleep());
  EXPECT_FALSE(reader->has_ended());
  source->end();
  EXPECT_EQ(source->wakes(), 1U);
  EXPECT_TRUE(reader->has_ended());
  EXPECT_FALSE(reader->sleep());
  EXPECT_FALSE(source->offer(SeenPacket{}));
}

// One thread offers bursts of all sizes, another sleeps whenever it finds nothing.
TEST(PacketSource, LosesNeitherPacketsNorWakesBetweenThreads) {
  constexpr std::uint64_t kPackets = 100'000;
  const auto source = make_source({.packets = 16, .most_bytes = 8});
  std::thread producer{[&] { offer_numbers(*source, kPackets); }};
  const auto reader = PacketReader::claim(source);
  std::uint64_t next = 0;
  std::uint64_t wrong = 0;
  while (true) {
    const bool has_ended = reader->has_ended();
    if (const SeenPacket* const seen = reader->front()) {
      if (seen->details.tag != next || text_of(*seen) != number_text(next)) ++wrong;
      ++next;
      reader->pop();
    } else if (has_ended) {
      break;
    } else if (reader->sleep()) {
      pollfd wait{.fd = reader->fd(), .events = POLLIN, .revents = 0};
      ASSERT_EQ(poll(&wait, 1, 120'000), 1) << "a wake is lost after " << next;
      std::uint64_t count = 0;
      ASSERT_EQ(read(reader->fd(), &count, sizeof count), 8);
    }
  }
  producer.join();
  EXPECT_EQ(next, kPackets);
  EXPECT_EQ(wrong, 0U);
}

}  // namespace
}  // namespace trawl::service
