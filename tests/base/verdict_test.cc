#include "base/verdict.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace trawl {
namespace {

TEST(PortState, NamesRoundTrip) {
  for (unsigned i = 0; i < kPortStates; ++i) {
    const auto state = static_cast<PortState>(i);
    EXPECT_EQ(parse_port_state(to_string(state)), state);
  }
  EXPECT_EQ(to_string(PortState::Open), "open");
  EXPECT_EQ(to_string(PortState::Closed), "closed");
  EXPECT_EQ(to_string(PortState::Unreachable), "unreachable");
  EXPECT_EQ(to_string(PortState::Unfiltered), "unfiltered");
  EXPECT_EQ(to_string(PortState::Up), "up");
}

TEST(PortState, UnknownNamesAreRejected) {
  for (const char* text : {"", "Open", "open ", "ope", "filtered"}) {
    EXPECT_FALSE(parse_port_state(text)) << text;
  }
}

TEST(PortState, ClosedAndUnreachableAreFoundBesideWhatIsSought) {
  using enum PortState;
  EXPECT_TRUE(can_be_found(Open, Open));
  EXPECT_TRUE(can_be_found(Closed, Open));
  EXPECT_TRUE(can_be_found(Unreachable, Open));
  EXPECT_FALSE(can_be_found(Unfiltered, Open));
  EXPECT_TRUE(can_be_found(Unfiltered, Unfiltered));
  EXPECT_TRUE(can_be_found(Unreachable, Unfiltered));
  EXPECT_FALSE(can_be_found(Open, Unfiltered));
  EXPECT_FALSE(can_be_found(Closed, Unfiltered));
  EXPECT_TRUE(can_be_found(Up, Up));
  EXPECT_TRUE(can_be_found(Unreachable, Up));
  EXPECT_FALSE(can_be_found(Closed, Up));
  EXPECT_FALSE(can_be_found(Up, Open));
}

TEST(Reason, EveryReasonHasItsOwnName) {
  std::set<std::string_view> names;
  for (unsigned i = 0; i < kReasons; ++i) {
    const std::string_view name = to_string(static_cast<Reason>(i));
    EXPECT_FALSE(name.empty());
    EXPECT_TRUE(names.insert(name).second) << name;
  }
  EXPECT_EQ(to_string(Reason::SynAck), "syn-ack");
  EXPECT_EQ(to_string(Reason::Reset), "reset");
  EXPECT_EQ(to_string(Reason::PortUnreachable), "port-unreach");
  EXPECT_EQ(to_string(Reason::AdminProhibited), "admin-prohibited");
  EXPECT_EQ(to_string(Reason::OtherUnreachable), "dest-unreach");
  EXPECT_EQ(to_string(Reason::TtlExceeded), "time-exceeded");
  EXPECT_EQ(to_string(Reason::EchoReply), "echo-reply");
  EXPECT_EQ(to_string(Reason::TimestampReply), "timestamp-reply");
  EXPECT_EQ(to_string(Reason::UdpResponse), "udp-response");
}

TEST(Protocol, NamesAreThoseOfTheResults) {
  EXPECT_EQ(to_string(Protocol::Tcp), "tcp");
  EXPECT_EQ(to_string(Protocol::Udp), "udp");
  EXPECT_EQ(to_string(Protocol::Icmp), "icmp");
}

}  // namespace
}  // namespace trawl
