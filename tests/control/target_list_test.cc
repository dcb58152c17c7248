#include "control/audit/target_list.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "control/audit/engine/target_feed.h"
#include "control/audit/host_ports.h"
#include "tests/control/temp_file.h"

namespace trawl::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class TargetListTest : public testing::Test {
 protected:
  TargetList open() {
    auto limits = AuditScope::load(options_, configuration_);
    EXPECT_TRUE(limits.has_value());
    scope_ = std::move(*limits);
    auto list = TargetList::open(options_, std::make_shared<service::NameResolver>(), scope_,
                                 [this](std::string_view text) { told_.emplace_back(text); });
    if (!list) {
      told_.push_back(list.error().message);
      return open_nothing();
    }
    return std::move(*list);
  }

  std::vector<std::string> all(TargetList& list, std::size_t most = 1000) {
    std::vector<std::string> found;
    while (found.size() < most) {
      const auto target = list.next();
      if (!target) break;
      std::string text = target->ip.to_string();
      if (target->scans) {
        for (const auto& scan : *target->scans) {
          std::set<unsigned> ports;
          for (const ProbeSpec& spec : scan->specs()) ports.insert(spec.number);
          text += ":" + std::string{xml_name_of(scan->type())};
          for (const unsigned port : ports) text += "," + std::to_string(port);
        }
      }
      found.push_back(text);
    }
    return found;
  }
  std::vector<std::string> all() {
    TargetList list = open();
    return all(list);
  }

  AuditOptions options_;
  Configuration configuration_;
  AuditScope scope_;
  std::vector<std::string> told_;

 private:
  TargetList open_nothing() {
    static const AuditScope everybody;
    return std::move(
        *TargetList::open({}, std::make_shared<service::NameResolver>(), everybody, [](auto) {}));
  }
};

TEST_F(TargetListTest, ExcludesAreLeftOutWhateverTheirShape) {
  options_.targets = {"198.18.0-1.0-4"};
  options_.excludes = {"198.18.0.0/31,198.18.0-1.3", "198.18.1.4"};
  EXPECT_THAT(all(),
              ElementsAre("198.18.0.2", "198.18.0.4", "198.18.1.0", "198.18.1.1", "198.18.1.2"));
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(TargetListTest, PortsOfAFileComeTogetherByHost) {
  const TempFile file{"198.18.0.1:22\n198.18.0.2\n198.18.0.1:U:53,T:80\n198.18.0.3:U:1\n", ".txt"};
  options_.target_files = {file.path()};
  const auto tables = AuditTables::load(options_);
  ASSERT_TRUE(tables.has_value());
  HostPorts ports{
      options_, **tables, {ScanType::Syn, ScanType::Udp}, [this](std::string_view text) {
        told_.emplace_back(text);
      }};
  TargetList list = open();
  list.plan_ports_with([&ports](const auto& texts) { return ports.plan(texts); });
  EXPECT_THAT(all(list),
              ElementsAre("198.18.0.1:syn,22,80:udp,22,53", "198.18.0.2", "198.18.0.3:udp,1"));
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(TargetListTest, BadPortsAreToldOfAndTheRestGoesOn) {
  options_.targets = {"198.18.0.1:70000", "198.18.0.2:-", "198.18.0.3:22", "198.18.0.4:U:53"};
  options_.ports.exclude = "1-65534";
  const auto tables = AuditTables::load(options_);
  ASSERT_TRUE(tables.has_value());
  HostPorts ports{options_, **tables, {ScanType::Fin}, [this](std::string_view text) {
                    told_.emplace_back(text);
                  }};
  TargetList list = open();
  list.plan_ports_with([&ports](const auto& texts) { return ports.plan(texts); });
  EXPECT_THAT(all(list), ElementsAre("198.18.0.2:fin,65535", "198.18.0.3", "198.18.0.4"));
  EXPECT_THAT(
      told_,
      ElementsAre(HasSubstr("198.18.0.1:70000 is left out: Ports specified must be between 0"),
                  HasSubstr("no scan of their protocols")));
}

TEST_F(TargetListTest, OneBadLineOfAHostIsLeftOutAlone) {
  const TempFile file{"198.18.0.1:22\n198.18.0.1:abc\n198.18.0.1:80\n", ".txt"};
  options_.target_files = {file.path()};
  const auto tables = AuditTables::load(options_);
  ASSERT_TRUE(tables.has_value());
  HostPorts ports{options_, **tables, {ScanType::Syn}, [](std::string_view) {}};
  TargetList list = open();
  list.plan_ports_with([&ports](const auto& texts) { return ports.plan(texts); });
  EXPECT_THAT(all(list), ElementsAre("198.18.0.1:syn,22,80"));
  EXPECT_THAT(told_, ElementsAre(HasSubstr("198.18.0.1:abc is left out: ")));
}

TEST_F(TargetListTest, PortsMeanNothingWithoutAScan) {
  options_.targets = {"198.18.0.1:22", "198.18.0.2:22"};
  EXPECT_THAT(all(), ElementsAre("198.18.0.1", "198.18.0.2"));
  EXPECT_THAT(told_, ElementsAre(HasSubstr("mean nothing")));
}

TEST_F(TargetListTest, NobodyOutsideOfTheScopeOrBlockedIsATarget) {
  const TempFile blocked{"198.18.0.2\n", ".txt"};
  configuration_.opt_outs = {blocked.path()};
  configuration_.audit_scope = {"198.18.0.0/30"};
  options_.scopes = {"198.18.0.1-198.18.0.9,2001:db8::/64"};
  options_.targets = {"198.18.0.0-5"};
  TargetList list = open();
  EXPECT_THAT(all(list), ElementsAre("198.18.0.1", "198.18.0.3"));
  EXPECT_EQ(list.left_out().blocked, 1U);
  EXPECT_EQ(list.left_out().outside, 3U);
  const auto guard = scope_.guard();
  ASSERT_NE(guard, nullptr);
  const auto allows = [&guard](const char* text) { return guard->allows(*IpAddress::parse(text)); };
  EXPECT_TRUE(allows("198.18.0.1"));
  EXPECT_FALSE(allows("198.18.0.0"));
  EXPECT_FALSE(allows("198.18.0.2"));
  EXPECT_FALSE(allows("198.18.0.4"));
  EXPECT_FALSE(allows("127.0.0.1"));
  // The machine's scope has none.
  EXPECT_FALSE(allows("2001:db8::1"));
}

TEST_F(TargetListTest, LargeBlocksAreCutToTheScopeAtOnce) {
  options_.targets = {"0.0.0.0/0"};
  options_.scopes = {"198.18.0.4/31", "198.18.7.0/32"};
  TargetList list = open();
  EXPECT_THAT(all(list), ElementsAre("198.18.0.4", "198.18.0.5", "198.18.7.0"));
  EXPECT_EQ(list.left_out().outside, (std::uint64_t{1} << 32U) - 3);
  options_.targets = {"2001:db8::/32"};
  options_.scopes = {"2001:db8::7/127"};
  options_.ipv6 = true;
  TargetList list6 = open();
  EXPECT_THAT(all(list6), ElementsAre("2001:db8::6", "2001:db8::7"));
  EXPECT_EQ(list6.left_out().outside, ~std::uint64_t{0});
}

TEST_F(TargetListTest, SourceRoutesStayWithinTheScope) {
  options_.scopes = {"198.18.0.0/24"};
  (void)open();
  const auto guard = scope_.guard();
  const auto allows = [&guard](std::vector<unsigned> bytes) {
    std::vector<std::byte> options;
    for (const unsigned byte : bytes) options.push_back(static_cast<std::byte>(byte));
    return guard->allows_options(options);
  };
  EXPECT_TRUE(allows({}));
  EXPECT_TRUE(allows({1, 131, 7, 4, 198, 18, 0, 9, 0}));
  EXPECT_FALSE(allows({1, 131, 7, 4, 198, 18, 1, 9, 0}));
  EXPECT_FALSE(allows({137, 11, 4, 198, 18, 0, 9, 203, 0, 113, 5, 0}));
  // A record of the route names nobody.
  EXPECT_TRUE(allows({7, 7, 4, 203, 0, 113, 5, 0}));
  // Cut short, or without a length.
  EXPECT_FALSE(allows({131, 7, 4, 198}));
  EXPECT_FALSE(allows({131, 0, 4, 198, 18, 0, 9, 0}));
  EXPECT_FALSE(allows({131}));
}

TEST_F(TargetListTest, WithoutLimitsThereIsNoGuard) {
  options_.targets = {"198.18.0.0"};
  EXPECT_THAT(all(), ElementsAre("198.18.0.0"));
  EXPECT_EQ(scope_.guard(), nullptr);
}

TEST_F(TargetListTest, RandomTargetsAreOfTheScopeAndEachOnce) {
  options_.random_targets = 5;
  options_.scopes = {"198.18.0.0/29"};
  options_.excludes = {"198.18.0.0-1", "198.18.0.7"};
  EXPECT_THAT(all(), UnorderedElementsAre("198.18.0.2", "198.18.0.3", "198.18.0.4", "198.18.0.5",
                                          "198.18.0.6"));
  options_.random_targets = 2;
  EXPECT_EQ(all().size(), 2U);
  options_.random_targets = 9;
  EXPECT_EQ(all().size(), 5U);
  EXPECT_THAT(told_, ElementsAre(HasSubstr("the scope has only 8")));
}

TEST_F(TargetListTest, RandomTargetsWithoutEndComeAgain) {
  options_.random_targets = 0;
  options_.scopes = {"198.18.0.0/30"};
  TargetList list = open();
  EXPECT_EQ(all(list, 40).size(), 40U);
  // None is left: that is an end.
  options_.excludes = {"198.18.0.0/24"};
  EXPECT_THAT(all(), IsEmpty());
}

TEST_F(TargetListTest, RandomTargetsNeedAScope) {
  options_.random_targets = 5;
  EXPECT_THAT(all(), IsEmpty());
  EXPECT_THAT(told_, ElementsAre(HasSubstr("--scope")));
}

TEST_F(TargetListTest, AFeedHandsOnWhatThereIsWhileAPipeIsOpen) {
  const TempFile name{".fifo"};
  ASSERT_EQ(::mkfifo(name.path().c_str(), 0600), 0);
  const int writer = ::open(name.path().c_str(), O_RDWR);
  options_.target_files = {name.path()};
  TargetList list = open();
  const auto soon = [](TargetFeed& feed) {
    for (int i = 0; i < 1000; ++i) {
      if (auto target = feed.take()) return target->ip.to_string();
      if (feed.is_over()) return std::string{"over"};
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    return std::string{"nothing"};
  };
  {
    TargetFeed feed{list};
    EXPECT_FALSE(feed.take());
    EXPECT_FALSE(feed.is_over());
    ASSERT_EQ(::write(writer, "198.18.0.1 198.18.0.2/31 ", 25), 25);
    EXPECT_EQ(soon(feed), "198.18.0.1");
    EXPECT_EQ(soon(feed), "198.18.0.2");
    EXPECT_EQ(soon(feed), "198.18.0.3");
    EXPECT_FALSE(feed.is_over());
    // It ends although the pipe is open still.
  }
  ::close(writer);
}

TEST_F(TargetListTest, AFeedEndsWithItsList) {
  options_.targets = {"198.18.0.0/20"};
  TargetList list = open();
  TargetFeed feed{list};
  std::size_t count = 0;
  while (!feed.is_over()) {
    if (feed.take()) {
      ++count;
    } else {
      std::this_thread::yield();
    }
  }
  EXPECT_EQ(count, 4096U);
  EXPECT_FALSE(feed.take());
}

TEST(AuditRate, IsHeldToTheMachines) {
  auto configuration = parse_configuration("max-rate = 1000\n", "t");
  ASSERT_TRUE(configuration.has_value());
  Timing timing;
  EXPECT_TRUE(limit_audit_rate(*configuration, timing));
  EXPECT_DOUBLE_EQ(timing.max_rate, 1000);
  timing.max_rate = 10;
  EXPECT_TRUE(limit_audit_rate(*configuration, timing));
  EXPECT_DOUBLE_EQ(timing.max_rate, 10);
  timing.min_rate = 1001;
  const auto refused = limit_audit_rate(*configuration, timing);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("--min-rate asks for 1001"));
  Timing free;
  EXPECT_TRUE(limit_audit_rate({}, free));
  EXPECT_DOUBLE_EQ(free.max_rate, 0);
}

}  // namespace
}  // namespace trawl::control
