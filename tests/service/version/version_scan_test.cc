#include "service/version/version_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "tests/service/version/talking_server.h"

namespace trawl::service {
namespace {

using Outcome = ServiceFinding::Outcome;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

// What answers is waited for as long as it takes: no outcome depends on how fast this machine is.
constexpr std::string_view kPatient = R"(Exclude T:1
Probe TCP NULL q||
totalwaitms 600000
match ssh m|^SSH-([\d.]+)-(\S+)| p/$2/ v/$1/ i/protocol $1/ cpe:/a:x:$2/
softmatch ftp m|^220 |
match rpcbind m|^RPC| p/rpcbind/
Probe TCP Get q|GET\r\n|
totalwaitms 600000
rarity 1
ports 1-65535
match http m|^HTTP (\w+)|s p/$1/
match ftp m|214 (\w+)\r\n|s p/$1/
Probe UDP Ask q|ask|
totalwaitms 600000
rarity 1
match thing m|^thing (\w+)| p/$1/
)";

// Where nothing is said unasked.
constexpr std::string_view kUngreeted = R"(Probe TCP NULL q||
totalwaitms 1000
tcpwrappedms 1
match ssh m|^SSH|
Probe TCP Get q|GET\r\n|
totalwaitms 600000
rarity 1
match http m|^HTTP (\w+)|s p/$1/
match rpcbind m|^RPC| p/rpcbind/
)";

// Where nothing is said anyway.
constexpr std::string_view kImpatient = R"(Probe TCP NULL q||
totalwaitms 60
tcpwrappedms 1
match ssh m|^SSH|
Probe TCP One q|ONE\r\n|
totalwaitms 60
rarity 1
match one m|^1|
Probe UDP Two q|TWO|
totalwaitms 60
rarity 1
match two m|^2|
)";

const IpAddress kHere = Ipv4Address{INADDR_LOOPBACK};

ServicePort port_of(std::uint16_t number, Transport transport = Transport::Tcp) {
  ServicePort port;
  port.host = kHere;
  port.port = number;
  port.transport = transport;
  return port;
}

// A scan with its loop, and what it says.
class Scan {
 public:
  explicit Scan(std::string_view probes, VersionSettings settings = {})
      : file_{std::make_shared<const ProbeFile>(parse_probe_file(probes, "probes"))} {
    auto loop = Loop::open({});
    EXPECT_TRUE(loop);
    loop_ = std::move(*loop);
    MatchEngine::Options options;
    options.deadline = std::chrono::minutes{5};
    auto engine = MatchEngine::open(file_, options);
    EXPECT_TRUE(engine);
    VersionScan::Hooks hooks;
    hooks.done = [this](const ServicePort& port, ServiceFinding&& finding) {
      most_sockets = std::max<std::uint64_t>(most_sockets, loop_->statistics().sockets);
      order.push_back(port.tag);
      found[port.tag] = std::move(finding);
      if (then) then();
    };
    hooks.trace = [this](std::string_view line) { trace.emplace_back(line); };
    settings.program_version = "1.0";
    scan = std::make_unique<VersionScan>(*loop_, file_, std::move(*engine), std::move(settings),
                                         std::move(hooks));
  }

  ServiceFinding ask(const ServicePort& port) {
    scan->add(port);
    run();
    return found[port.tag];
  }
  void run() {
    while (scan->pending() > 0) turn();
  }
  void turn() { (void)loop_->turn(std::chrono::milliseconds{20}); }

  std::map<std::uint64_t, ServiceFinding> found;
  std::vector<std::uint64_t> order;
  std::vector<std::string> trace;
  std::uint64_t most_sockets = 0;
  std::function<void()> then;
  std::unique_ptr<VersionScan> scan;

 private:
  std::shared_ptr<const ProbeFile> file_;
  std::unique_ptr<Loop> loop_;
};

// The scan goes before its loop.
struct ScanGuard : Scan {
  using Scan::Scan;
  ~ScanGuard() { scan.reset(); }
};

TEST(VersionScan, TakesABannerAndTracesItAsNmapDoes) {
  const TalkingServer server{{.greeting = {.bytes = "SSH-2.0-Hello\r\n"}}};
  ASSERT_TRUE(server.is_good());
  ScanGuard scan{kPatient};
  const ServiceFinding finding = scan.ask(port_of(server.port()));
  EXPECT_EQ(finding.outcome, Outcome::Matched);
  EXPECT_EQ(finding.name, "ssh");
  EXPECT_EQ(finding.product, "Hello");
  EXPECT_EQ(finding.version, "2.0");
  EXPECT_THAT(finding.cpes, ElementsAre("cpe:/a:x:hello"));
  EXPECT_EQ(finding.evidence.response, "SSH-2.0-Hello\r\n");
  EXPECT_EQ(finding.evidence.line, 4U);
  EXPECT_TRUE(finding.answered);
  const std::string where = "127.0.0.1:" + std::to_string(server.port());
  EXPECT_EQ(scan.trace.front(), "Service scan sending probe NULL to " + where + " (tcp)");
  EXPECT_EQ(scan.trace.back(), "Service scan match (Probe NULL matched with NULL line 4): " +
                                   where + " is ssh.  Version: |Hello|2.0|protocol 2.0|");
}

TEST(VersionScan, AsksWhatIsMeantForThePortBesideASilentNull) {
  const TalkingServer server{{.reply = [](std::string_view said) -> TalkingServer::Answer {
    return {.bytes = said == "GET\r\n" ? "HTTP hello" : "", .closes = true};
  }}};
  ScanGuard scan{kUngreeted};
  const ServiceFinding finding = scan.ask(port_of(server.port()));
  EXPECT_EQ(finding.product, "hello");
  EXPECT_EQ(finding.evidence.probe, "Get");
  EXPECT_EQ(server.accepted(), 2U);
}

TEST(VersionScan, AFirmMatchMayFollowASoftOneOnItsConnection) {
  const TalkingServer server{
      {.greeting = {.bytes = "220 hello\r\n"},
       .reply = [](std::string_view) -> TalkingServer::Answer { return {"214 better\r\n"}; }}};
  ScanGuard scan{kPatient};
  const ServiceFinding finding = scan.ask(port_of(server.port()));
  EXPECT_EQ(finding.name, "ftp");
  EXPECT_EQ(finding.product, "better");
  EXPECT_EQ(finding.evidence.response, "220 hello\r\n214 better\r\n");
  EXPECT_EQ(server.accepted(), 1U);
  EXPECT_THAT(scan.trace.at(1), HasSubstr("soft match (Probe NULL matched with NULL line 5): "));
}

TEST(VersionScan, FingerprintsWhatNoLineKnows) {
  const TalkingServer server{{.greeting = {.bytes = "WHAT?\n", .closes = true}}};
  ScanGuard scan{kPatient};
  const ServiceFinding finding = scan.ask(port_of(server.port()));
  EXPECT_EQ(finding.outcome, Outcome::Unknown);
  EXPECT_EQ(finding.name, "");
  EXPECT_THAT(finding.fingerprint,
              StartsWith("SF-Port" + std::to_string(server.port()) + "-TCP:V=1.0%I=7%D="));
  EXPECT_THAT(finding.fingerprint, HasSubstr(R"(%r(NULL,6,"WHAT\?\n"))"));
}

TEST(VersionScan, TellsOfSilenceOfRefusalAndOfExcludedPorts) {
  const TalkingServer silent{{}};
  const TalkingServer deaf{{.is_udp = true}};
  std::uint16_t nobody = 0;
  {
    const TalkingServer gone{{}};
    nobody = gone.port();
  }
  ScanGuard scan{kImpatient};
  EXPECT_EQ(scan.ask(port_of(silent.port())).outcome, Outcome::Silent);
  EXPECT_TRUE(scan.found[0].answered);
  EXPECT_EQ(scan.ask(port_of(deaf.port(), Transport::Udp)).outcome, Outcome::Silent);
  EXPECT_FALSE(scan.found[0].answered);
  EXPECT_EQ(scan.ask(port_of(nobody)).outcome, Outcome::Failed);
  EXPECT_EQ(scan.found[0].trouble, "Connection refused");
  EXPECT_EQ(scan.trace.back(),
            "Got nsock CONNECT response with status ERROR - aborting this service");
  ScanGuard excluding{kPatient};
  EXPECT_EQ(excluding.ask(port_of(1)).outcome, Outcome::Excluded);
}

TEST(VersionScan, AsksDatagramPorts) {
  const TalkingServer server{{.reply = [](std::string_view said) -> TalkingServer::Answer {
                                return {said == "ask" ? "thing one" : ""};
                              },
                              .is_udp = true}};
  ScanGuard scan{kPatient};
  const ServiceFinding finding = scan.ask(port_of(server.port(), Transport::Udp));
  EXPECT_EQ(finding.product, "one");
  EXPECT_TRUE(finding.answered);
}

TEST(VersionScan, BoundsConnectionsToAHostAndPortsAtOnce) {
  const TalkingServer server{{}};
  const TalkingServer other{{.greeting = {.bytes = "SSH-2.0-x\n"}}};
  ScanGuard scan{kImpatient, {.most_ports = 7, .per_host = 4}};
  for (std::uint64_t tag = 0; tag < 40; ++tag) {
    ServicePort port = port_of(tag % 2 == 0 ? server.port() : other.port());
    port.tag = tag;
    scan.scan->add(port);
  }
  EXPECT_EQ(scan.scan->pending(), 40U);
  scan.run();
  EXPECT_EQ(scan.found.size(), 40U);
  EXPECT_EQ(scan.order.size(), 40U);
  EXPECT_LE(scan.most_sockets, 4U);
}

TEST(VersionScan, AFindingMayLeadToMorePortsAndToFewer) {
  const TalkingServer server{{.greeting = {.bytes = "SSH-2.0-x\n"}}};
  const TalkingServer silent{{}};
  ScanGuard scan{kPatient};
  ServicePort forever = port_of(silent.port());
  forever.tag = 7;
  scan.scan->add(forever);
  std::uint64_t next = 1;
  scan.then = [&] {
    if (next > 5) return scan.scan->drop(kHere);
    ServicePort port = port_of(server.port());
    port.tag = next++;
    scan.scan->add(port);
  };
  scan.scan->add(port_of(server.port()));
  scan.run();
  EXPECT_EQ(scan.order.size(), 6U);
  EXPECT_FALSE(scan.found.contains(7));
}

TEST(VersionScan, NothingComesOfADroppedHost) {
  const TalkingServer server{{.greeting = {.bytes = "SSH-2.0-x\n"}}};
  // At any point: connecting, reading, matching.
  for (int turns = 0; turns < 12; ++turns) {
    ScanGuard scan{kPatient};
    scan.scan->add(port_of(server.port()));
    for (int turn = 0; turn < turns && scan.found.empty(); ++turn) scan.turn();
    const std::size_t before = scan.order.size();
    scan.scan->drop(kHere);
    EXPECT_EQ(scan.scan->pending(), 0U);
    for (int turn = 0; turn < 5; ++turn) scan.turn();
    EXPECT_EQ(scan.order.size(), before);
    // It can be asked again.
    EXPECT_EQ(scan.ask(port_of(server.port())).name, "ssh");
    scan.scan->add(port_of(server.port()));
  }
}

std::string word(std::uint32_t value) {
  const std::uint32_t swapped = htonl(value);
  return {reinterpret_cast<const char*>(&swapped), sizeof swapped};
}

// Knows program 100003 in versions 3 to 4, in records of RFC 5531 section 11.
TalkingServer::Answer answer_calls(std::string_view said) {
  if (said == "GET\r\n") return {"RPC"};
  std::string replies;
  while (said.size() >= 4) {
    std::uint32_t size = 0;
    std::memcpy(&size, said.data(), sizeof size);
    const std::string_view call = said.substr(4, ntohl(size) & 0x7fff'ffff);
    said.remove_prefix(std::min(said.size(), call.size() + 4));
    if (call.size() < 16) break;
    const std::string head = std::string{call.substr(0, 4)} + word(1) + word(0) + word(0) + word(0);
    const bool is_known = call.substr(12, 4) == word(100'003);
    const std::string reply = head + (is_known ? word(2) + word(3) + word(4) : word(1));
    replies += word(0x8000'0000U | static_cast<std::uint32_t>(reply.size())) + reply;
  }
  return {replies};
}

TEST(VersionScan, GrindsServersOfRpc) {
  const TalkingServer server{{.reply = answer_calls}};
  auto table = std::make_shared<RpcTable>();
  for (std::uint32_t number = 100'000; number < 100'020; ++number) {
    table->programs.push_back({.name = "p" + std::to_string(number), .number = number});
  }
  ScanGuard scan{kUngreeted, {.rpc_programs = table}};
  const ServiceFinding finding = scan.ask(port_of(server.port()));
  EXPECT_EQ(finding.outcome, Outcome::Matched);
  EXPECT_EQ(finding.name, "p100003");
  EXPECT_EQ(finding.product, "rpcbind");
  ASSERT_TRUE(finding.rpc);
  EXPECT_EQ(finding.rpc->number, 100'003U);
  EXPECT_EQ(finding.rpc->low, 3U);
  EXPECT_EQ(finding.rpc->high, 4U);
  // Of one that is asked for too long the rest is known. The first answer takes that long.
  ScanGuard hasty{kUngreeted, {.rpc_programs = table, .rpc_patience = -std::chrono::hours{1}}};
  const ServiceFinding rest = hasty.ask(port_of(server.port()));
  EXPECT_EQ(rest.outcome, Outcome::Matched);
  EXPECT_EQ(rest.name, "rpcbind");
  EXPECT_FALSE(rest.rpc);
}

}  // namespace
}  // namespace trawl::service
