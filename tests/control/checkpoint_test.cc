#include "control/survey/checkpoint/checkpoint.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "control/survey/checkpoint/settled_tracker.h"
#include "control/survey/checkpoint/slot_writer.h"
#include "tests/control/file_size_limit.h"

namespace trawl::control {
namespace {

using namespace std::chrono_literals;
using Cursors = SettledTracker::Cursors;

// A path in a folder that goes with the test.
class CheckpointTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/trawl-checkpoint-XXXXXX";
    folder_ = mkdtemp(name);
    path_ = folder_ / "survey.checkpoint";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::unique_ptr<Checkpoint> create() const {
    auto made = Checkpoint::create(path_.string(), plan());
    EXPECT_TRUE(made) << made.error().message;
    return made ? std::move(*made) : nullptr;
  }
  [[nodiscard]] std::unique_ptr<Checkpoint> reopen() const {
    auto opened = Checkpoint::open(path_.string());
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(*opened) : nullptr;
  }
  [[nodiscard]] std::string refusal() const {
    auto opened = Checkpoint::open(path_.string());
    if (opened) return "(opened)";
    EXPECT_EQ(opened.error().code, ExitCode::BadInput);
    EXPECT_NE(opened.error().message.find(path_.string()), std::string::npos);
    return opened.error().message;
  }
  static CheckpointPlan plan() {
    return {.command_line = {"-p", "80,443", "--link", "eth1", "8.8.8.0/24", ""},
            .seed = (Uint128{7} << 64U) | 9,
            .started = std::chrono::system_clock::time_point{1'700'000'000s},
            .ports = {80, 443},
            .addresses = {{Ipv4Address{0x08080800}, Ipv4Address{0x080808fe}},
                          {Ipv4Address{0xfffffffe}, Ipv4Address{0xffffffff}}},
            .blocked = {{Ipv4Address{0}, Ipv4Address{0x00ffffff}}}};
  }
  static Verdict verdict(std::uint32_t n) {
    Verdict made;
    made.time = std::chrono::system_clock::time_point{std::chrono::microseconds{n + 5}};
    made.ip = Ipv4Address{0x08080800U + n};
    made.port = 443;
    made.state = PortState::Closed;
    made.reason = Reason::Reset;
    made.ttl = 57;
    if (n % 2 == 0) made.rtt_us = 1000 + n;
    made.attempt = 2;
    made.from = Ipv4Address{0x01020304};
    return made;
  }
  static void record(Checkpoint& checkpoint, std::uint32_t first, std::uint32_t last) {
    for (std::uint32_t n = first; n < last; ++n) {
      const auto done = checkpoint.record(
          {.index = n * 3ULL, .state = PortState::Closed, .attempt = 2}, verdict(n));
      ASSERT_TRUE(done) << done.error().message;
    }
  }
  // As if the machine had been switched off: what was mapped is not to be trusted.
  void forget_boot() const {
    std::fstream file{path_, std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(live_offset());
    file.write("another boot", 12);
  }
  [[nodiscard]] std::streamoff live_offset() const {
    CheckpointHeader header;
    std::ifstream file{path_, std::ios::binary};
    file.read(reinterpret_cast<char*>(&header), sizeof header);
    return static_cast<std::streamoff>(header.live_offset);
  }
  void overwrite(std::streamoff at, char byte) const {
    std::fstream file{path_, std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(at);
    file.put(byte);
  }

  std::filesystem::path folder_, path_;
};

TEST_F(CheckpointTest, PlanComesBackAsItWas) {
  (void)create();
  const auto opened = reopen();
  ASSERT_TRUE(opened);
  const CheckpointPlan back = opened->plan();
  EXPECT_EQ(back.command_line, plan().command_line);
  EXPECT_TRUE(back.seed == plan().seed);
  EXPECT_EQ(back.started, plan().started);
  EXPECT_EQ(back.ports, plan().ports);
  EXPECT_EQ(back.addresses, plan().addresses);
  EXPECT_EQ(back.blocked, plan().blocked);
  EXPECT_EQ(opened->restored().sweep, 0U);
  EXPECT_EQ(opened->restored().journal, 0U);
}

TEST_F(CheckpointTest, KilledProcessLeavesEverythingItNoted) {
  const pid_t child = fork();
  if (child == 0) {
    auto made = Checkpoint::create(path_.string(), plan());
    if (!made) _exit(1);
    Checkpoint& checkpoint = **made;
    dataplane::Lanes& lanes = checkpoint.begin_sweep(1);
    record(checkpoint, 0, 10);
    const OutputMark::Place place{.bytes = 700, .records = 10};
    checkpoint.mark_outputs({&place, 1});
    record(checkpoint, 10, 25);
    lanes[3].taken.store(500);
    lanes[3].sent.store(450);
    Cursors settled{};
    settled[3] = 400;
    checkpoint.mark_settled(settled);
    checkpoint.mark_totals({.sent = 77});
    std::raise(SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  const auto opened = reopen();
  ASSERT_TRUE(opened);
  const Checkpoint::Restored& restored = opened->restored();
  EXPECT_FALSE(restored.after_power_failure);
  EXPECT_FALSE(restored.finished);
  EXPECT_EQ(restored.sweep, 1U);
  EXPECT_EQ(restored.journal, 25U);
  EXPECT_EQ(restored.lanes[3], 400U);
  EXPECT_EQ(restored.totals.sent, 77U);
  EXPECT_EQ(restored.outputs.journal, 10U);
  EXPECT_EQ(restored.outputs.outputs[0].bytes, 700U);
  for (std::uint32_t n = 0; n < 25; ++n) {
    const auto entry = opened->entry(n);
    ASSERT_TRUE(entry) << entry.error().message;
    EXPECT_EQ(entry->index, n * 3ULL);
    EXPECT_EQ(entry->state, PortState::Closed);
    EXPECT_EQ(entry->attempt, 2);
  }
  for (std::uint32_t n = 10; n < 25; ++n) {
    const Verdict back = opened->unwritten(n);
    const Verdict was = verdict(n);
    EXPECT_EQ(back.ip, was.ip);
    EXPECT_EQ(back.time, was.time);
    EXPECT_EQ(back.rtt_us, was.rtt_us);
    EXPECT_EQ(back.reason, was.reason);
    EXPECT_EQ(back.from, was.from);
  }
  const dataplane::Lanes& lanes = opened->continue_sweep();
  EXPECT_EQ(lanes[3].taken.load(), 400U);
  EXPECT_EQ(lanes[3].sent.load(), 400U);
}

TEST_F(CheckpointTest, KeepsEveryStateProtocolAndReason) {
  constexpr std::uint64_t kLastIndex = (std::uint64_t{1} << 48U) - 1;
  constexpr std::uint8_t kMostAttempts = 7;
  const auto made = [](std::uint32_t n) {
    Verdict verdict = CheckpointTest::verdict(n);
    verdict.state = static_cast<PortState>(n % kPortStates);
    verdict.protocol = static_cast<Protocol>(n % kProtocols);
    verdict.reason = static_cast<Reason>(n % kReasons);
    return verdict;
  };
  constexpr std::uint32_t kCount = kPortStates * kProtocols * kReasons;
  {
    const auto checkpoint = create();
    (void)checkpoint->begin_sweep(1);
    for (std::uint32_t n = 0; n < kCount; ++n) {
      const Verdict verdict = made(n);
      ASSERT_TRUE(checkpoint->record(
          {.index = kLastIndex - n, .state = verdict.state, .attempt = kMostAttempts}, verdict));
    }
  }
  const auto opened = reopen();
  ASSERT_TRUE(opened);
  ASSERT_EQ(opened->restored().journal, kCount);
  for (std::uint32_t n = 0; n < kCount; ++n) {
    const auto entry = opened->entry(n);
    ASSERT_TRUE(entry) << entry.error().message;
    EXPECT_EQ(entry->index, kLastIndex - n);
    EXPECT_EQ(entry->state, made(n).state);
    EXPECT_EQ(entry->attempt, kMostAttempts);
    const Verdict back = opened->unwritten(n);
    EXPECT_EQ(back.state, made(n).state);
    EXPECT_EQ(back.protocol, made(n).protocol);
    EXPECT_EQ(back.reason, made(n).reason);
  }
}

TEST_F(CheckpointTest, HintsOfUnwrittenVerdictsAreKept) {
  const SystemName name{.family = "Linux", .version = "", .number = 40'000, .digest = 0xfedcba98};
  {
    const auto checkpoint = create();
    (void)checkpoint->begin_sweep(1);
    Verdict found = verdict(1);
    ASSERT_TRUE(checkpoint->record({.index = 1}, found));
    found.system = {.name = &name, .confidence = 95, .hops = 12};
    ASSERT_TRUE(checkpoint->record({.index = 2}, found));
  }
  const auto opened = reopen();
  EXPECT_FALSE(opened->unwritten_hint(0));
  const auto hint = opened->unwritten_hint(1);
  ASSERT_TRUE(hint);
  EXPECT_EQ(hint->number, name.number);
  EXPECT_EQ(hint->digest, name.digest);
  EXPECT_EQ(hint->confidence, 95);
  EXPECT_EQ(hint->hops, 12);
}

TEST_F(CheckpointTest, NewSweepForgetsWhereTheOldOneWas) {
  {
    const auto checkpoint = create();
    dataplane::Lanes& first = checkpoint->begin_sweep(1);
    first[0].taken.store(64);
    first[0].sent.store(64);
    Cursors settled{};
    settled[0] = 64;
    checkpoint->mark_settled(settled);
    record(*checkpoint, 0, 5);
    const dataplane::Lanes& second = checkpoint->begin_sweep(2);
    EXPECT_EQ(second[0].taken.load(), 0U);
  }
  const auto opened = reopen();
  EXPECT_EQ(opened->restored().sweep, 2U);
  EXPECT_EQ(opened->restored().sweep_journal, 5U);
  EXPECT_EQ(opened->restored().lanes[0], 0U);
}

// The mapped pages may be of any age after a power failure; only the slot counts.
TEST_F(CheckpointTest, PowerFailureLeavesTheLastSlot) {
  {
    const auto checkpoint = create();
    (void)checkpoint->begin_sweep(1);
    for (std::uint32_t round = 1; round <= 3; ++round) {
      record(*checkpoint, (round - 1) * 10, round * 10);
      const OutputMark::Place place{.bytes = round * 100, .records = round};
      checkpoint->mark_outputs({&place, 1});
      Cursors settled{};
      settled[1] = round * 64;
      checkpoint->mark_settled(settled);
      ASSERT_TRUE(checkpoint->write_slot(checkpoint->snapshot()));
    }
    record(*checkpoint, 30, 60);  // After the last slot.
  }
  forget_boot();
  {
    const auto opened = reopen();
    ASSERT_TRUE(opened);
    EXPECT_TRUE(opened->restored().after_power_failure);
    EXPECT_EQ(opened->restored().journal, 30U);
    EXPECT_EQ(opened->restored().outputs.outputs[0].bytes, 300U);
    EXPECT_EQ(opened->restored().lanes[1], 192U);
  }
  // And what was restored is what a process killed right then leaves.
  const auto again = reopen();
  EXPECT_FALSE(again->restored().after_power_failure);
  EXPECT_EQ(again->restored().journal, 30U);
}

TEST_F(CheckpointTest, TornSlotGivesWayToTheOneBefore) {
  {
    const auto checkpoint = create();
    (void)checkpoint->begin_sweep(1);
    record(*checkpoint, 0, 10);
    checkpoint->mark_outputs({});
    ASSERT_TRUE(checkpoint->write_slot(checkpoint->snapshot()));  // Sequence 1: the second place.
    record(*checkpoint, 10, 20);
    checkpoint->mark_outputs({});
    ASSERT_TRUE(checkpoint->write_slot(checkpoint->snapshot()));
  }
  forget_boot();
  overwrite(live_offset() + 2 * static_cast<std::streamoff>(kCheckpointPage) + 20, 'x');
  EXPECT_EQ(reopen()->restored().journal, 10U);
}

TEST_F(CheckpointTest, PowerFailureBeforeAnySlotStartsOver) {
  {
    const auto checkpoint = create();
    (void)checkpoint->begin_sweep(1);
    record(*checkpoint, 0, 10);
  }
  forget_boot();
  const auto opened = reopen();
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->restored().sweep, 0U);
  EXPECT_EQ(opened->restored().journal, 0U);
}

TEST_F(CheckpointTest, JournalGrowsBeyondOneWindow) {
  constexpr std::uint32_t kMany = 300'000;
  {
    const auto checkpoint = create();
    (void)checkpoint->begin_sweep(1);
    for (std::uint32_t n = 0; n < kMany; n += 20'000) {
      record(*checkpoint, n, n + 20'000);
      EXPECT_EQ(checkpoint->wants_flush(), (n / 20'000) % 2 == 1) << n;
      if (checkpoint->wants_flush()) checkpoint->mark_outputs({});
    }
    checkpoint->mark_outputs({});
  }
  const auto opened = reopen();
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->restored().journal, kMany);
  for (const std::uint32_t n : {0U, 131'071U, 131'072U, 262'144U, kMany - 1}) {
    EXPECT_EQ(opened->entry(n)->index, n * 3ULL);
  }
}

// A full disk is told once, and nothing that was found is lost.
TEST_F(CheckpointTest, JournalThatCannotGrowStillTakesWhatIsOnItsWay) {
  const auto checkpoint = create();
  (void)checkpoint->begin_sweep(1);
  std::signal(SIGXFSZ, SIG_IGN);
  const FileSizeLimit limit{std::filesystem::file_size(path_)};
  unsigned failures = 0;
  for (std::uint32_t n = 0; n < 131'072; ++n) {
    const auto done = checkpoint->record({.index = n}, verdict(n));
    if (done) continue;
    ++failures;
    EXPECT_EQ(done.error().code, ExitCode::Output);
    EXPECT_EQ(n, 32'768U);
  }
  EXPECT_EQ(failures, 1U);
  EXPECT_FALSE(checkpoint->record({.index = 131'072}, verdict(1)));
  EXPECT_EQ(checkpoint->entry(131'071)->index, 131'071U);
}

TEST_F(CheckpointTest, RefusesWhatIsNoCheckpointOrWasChanged) {
  EXPECT_NE(refusal().find("cannot be opened"), std::string::npos);
  std::ofstream{path_} << "hello";
  EXPECT_NE(refusal().find("too short"), std::string::npos);
  std::ofstream{path_} << std::string(100'000, 'x');
  EXPECT_NE(refusal().find("not a checkpoint"), std::string::npos);
  std::filesystem::remove(path_);
  EXPECT_NE(Checkpoint::open(folder_.string()).error().message.find(folder_.string()),
            std::string::npos);
  (void)create();
  const auto size = std::filesystem::file_size(path_);
  const std::filesystem::path good = folder_ / "good";
  std::filesystem::copy_file(path_, good);
  const auto restore = [&] {
    std::filesystem::copy_file(good, path_, std::filesystem::copy_options::overwrite_existing);
  };
  for (const std::uintmax_t cut :
       {std::uintmax_t{0}, std::uintmax_t{63}, std::uintmax_t{5000}, size - 1}) {
    std::filesystem::resize_file(path_, cut);
    EXPECT_NE(refusal(), "(opened)") << cut;
    restore();
  }
  overwrite(8, 9);
  EXPECT_NE(refusal().find("version 9"), std::string::npos);
  restore();
  overwrite(20, 1);
  EXPECT_NE(refusal().find("changed"), std::string::npos);
  restore();
  overwrite(4096 + 30, 'y');
  EXPECT_NE(refusal().find("its plan is not"), std::string::npos);
}

TEST_F(CheckpointTest, DamagedJournalIsNamedByItsEntry) {
  {
    const auto checkpoint = create();
    (void)checkpoint->begin_sweep(1);
    record(*checkpoint, 0, 100);
  }
  const auto journal =
      live_offset() + 4 * 4096 + static_cast<std::streamoff>(kRingEntries * sizeof(RingEntry));
  overwrite(journal + 42 * 8, 'x');
  const auto opened = reopen();
  EXPECT_TRUE(opened->entry(41));
  EXPECT_NE(opened->entry(42).error().message.find("entry 42"), std::string::npos);
}

TEST_F(CheckpointTest, IsNotSharedNorOverwritten) {
  const auto checkpoint = create();
  EXPECT_NE(refusal().find("a running survey"), std::string::npos);
  const auto second = Checkpoint::create(path_.string(), plan());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ExitCode::Output);
  EXPECT_NE(second.error().message.find("trawl resume"), std::string::npos);
}

TEST_F(CheckpointTest, SlotWriterWritesWhatItIsGiven) {
  const std::filesystem::path output = folder_ / "out";
  std::ofstream{output} << "line\n";
  {
    const auto checkpoint = create();
    (void)checkpoint->begin_sweep(1);
    record(*checkpoint, 0, 3);
    checkpoint->mark_outputs({});
    SlotWriter writer{*checkpoint, {output.string(), "/dev/null", (folder_ / "gone").string()}};
    EXPECT_TRUE(*writer.begin(checkpoint->snapshot()));
    record(*checkpoint, 3, 5);
    checkpoint->mark_outputs({});
    ASSERT_TRUE(writer.finish(checkpoint->snapshot()));
  }
  forget_boot();
  EXPECT_EQ(reopen()->restored().journal, 5U);
}

// What a parser of the plan section makes of anything is an error or a plan.
TEST(CheckpointPlanSection, TruncationsAreRefused) {
  CheckpointPlan plan;
  plan.command_line = {"a", "bc"};
  plan.ports = {1, 2};
  plan.addresses = {{Ipv4Address{1}, Ipv4Address{2}}};
  const std::string whole = serialise(plan);
  EXPECT_TRUE(parse_checkpoint_plan(whole, "x"));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(parse_checkpoint_plan({whole.data(), size}, "x")) << size;
  }
  EXPECT_FALSE(parse_checkpoint_plan(whole + "z", "x"));
  plan.addresses = {{Ipv4Address{5}, Ipv4Address{9}}, {Ipv4Address{9}, Ipv4Address{10}}};
  EXPECT_FALSE(parse_checkpoint_plan(serialise(plan), "x"));
}

TEST(SettledTracker, SettlesWhatWasSentLongerAgoThanAnyReplyTook) {
  SettledTracker tracker{1s};
  dataplane::Lanes lanes;
  const SettledTracker::Clock::time_point start{};
  EXPECT_EQ(tracker.window(), 1s);
  for (int i = 0; i < 50; ++i) tracker.saw_round_trip(20ms);
  EXPECT_EQ(tracker.window(), 32ms);
  for (int ms = 0; ms <= 100; ++ms) {
    lanes[0].sent.store(static_cast<std::uint64_t>(ms) * 10);
    (void)tracker.drained(start + std::chrono::milliseconds{ms}, lanes);
    const auto settled = static_cast<long>(tracker.settled()[0]) / 10;
    EXPECT_LE(settled, std::max(0, ms - 32)) << "a reply may still come";
    EXPECT_GE(settled, ms - 32 - 6) << "lags more than it has to";
  }
  tracker.restart({});
  EXPECT_EQ(tracker.settled()[0], 0U);
  EXPECT_EQ(tracker.slowest(), 20ms);
  SettledTracker next{1s};
  EXPECT_EQ(next.slowest(), 0ms);
  next.assume(tracker.slowest());
  EXPECT_EQ(next.window(), 32ms);
  SettledTracker with_arp{1s, 2s};
  EXPECT_EQ(with_arp.window(), 2s);
  with_arp.assume(20ms);
  EXPECT_EQ(with_arp.window(), 2032ms);
}

TEST(SettledTracker, WaitsForTheBudgetOfANetworkToo) {
  EXPECT_EQ(neighbour_wait(PacketsPerSecond{10.0}, 4), 2500ms);
  EXPECT_EQ(neighbour_wait(PacketsPerSecond{0.1}, 4), 52s) << "longer than any fixed wait";
  EXPECT_EQ(neighbour_wait(PacketsPerSecond{1000.0}, 100), 2101ms);
  EXPECT_GT(neighbour_wait(PacketsPerSecond{1e-300}, 4), 1h) << "and no overflow";
}

TEST_F(CheckpointTest, KeepsPlansAndVerdictsOfIpv6) {
  CheckpointPlan six = plan();
  six.addresses.clear();
  six.addresses6 = {{*Ipv6Address::parse("2001:db8::1"), *Ipv6Address::parse("2001:db8:1::ffff")}};
  six.blocked6 = {{*Ipv6Address::parse("fe80::"), *Ipv6Address::parse("ffff::")}};
  const std::string bytes = serialise(six);
  const auto back = parse_checkpoint_plan(bytes, "file");
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->addresses6, six.addresses6);
  EXPECT_EQ(back->blocked6, six.blocked6);
  EXPECT_EQ(back->blocked, six.blocked);
  CheckpointPlan both = plan();
  both.addresses6 = six.addresses6;
  EXPECT_FALSE(parse_checkpoint_plan(serialise(both), "file")) << "of two families";
  CheckpointPlan crossed = six;
  crossed.blocked6.push_back({*Ipv6Address::parse("::1"), *Ipv6Address::parse("::2")});
  EXPECT_FALSE(parse_checkpoint_plan(serialise(crossed), "file")) << "not sorted";
  auto made = Checkpoint::create(path_.string(), six);
  ASSERT_TRUE(made) << made.error().message;
  (void)(*made)->begin_sweep(1);
  Verdict found = verdict(1);
  found.ip = *Ipv6Address::parse("2001:db8::7");
  found.from = *Ipv6Address::parse("2001:db8::ffff");
  found.to = *Ipv6Address::parse("2001:db8::1");
  ASSERT_TRUE((*made)->record({.index = 6}, found));
  const Verdict again = (*made)->unwritten(0);
  EXPECT_EQ(again.ip, found.ip);
  EXPECT_EQ(again.from, found.from);
  EXPECT_EQ(again.to, found.to);
}

}  // namespace
}  // namespace trawl::control
