#include "control/audit/audit_progress.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "control/audit/engine/probe_schedule.h"
#include "control/audit/engine/task_book.h"
#include "control/audit/report/task_text.h"
#include "control/audit/report/xml_format.h"
#include "control/audit/run_keys.h"

// Wording is what Nmap 7.93 printed of machines in namespaces.
namespace trawl::control {
namespace {

using std::chrono::system_clock;
using Seconds = std::chrono::duration<double>;

system_clock::time_point at(std::int64_t seconds) {
  return system_clock::time_point{std::chrono::seconds{seconds}};
}

class InUtc : public testing::Test {
 protected:
  InUtc() {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }
};

using TaskText = InUtc;

TaskNote note_of(TaskNote::Kind kind) {
  return {.kind = kind, .task = "SYN Stealth Scan", .now = at(1795334547), .elapsed = Seconds{4}};
}

TEST_F(TaskText, BeginAndEnd) {
  TaskNote note = note_of(TaskNote::Kind::Begin);
  EXPECT_EQ(task_line(note), "Initiating SYN Stealth Scan at 08:02\n");
  EXPECT_EQ(task_element(note), "<taskbegin task=\"SYN Stealth Scan\" time=\"1795334547\"/>\n");
  note.kind = TaskNote::Kind::End;
  note.elapsed = Seconds{0.2249};
  EXPECT_EQ(task_line(note), "Completed SYN Stealth Scan at 08:02, 0.22s elapsed\n");
  note.extra = "22 total ports";
  EXPECT_EQ(task_line(note),
            "Completed SYN Stealth Scan at 08:02, 0.22s elapsed (22 total ports)\n");
  EXPECT_EQ(task_element(note),
            "<taskend task=\"SYN Stealth Scan\" time=\"1795334547\" "
            "extrainfo=\"22 total ports\"/>\n");
}

TEST_F(TaskText, Progress) {
  TaskNote note = note_of(TaskNote::Kind::Progress);
  note.share = 0.44;
  note.left = time_left(note.share, note.elapsed, note.now);
  EXPECT_EQ(task_line(note),
            "SYN Stealth Scan Timing: About 44.00% done; ETC: 08:02 (0:00:05 remaining)\n");
  EXPECT_EQ(task_element(note),
            "<taskprogress task=\"SYN Stealth Scan\" time=\"1795334547\" percent=\"44.00\" "
            "remaining=\"6\" etc=\"1795334552\"/>\n");
}

TEST_F(TaskText, ProgressBeforeThereIsAPace) {
  TaskNote note = note_of(TaskNote::Kind::Progress);
  note.task = "a \"<task>\"";
  note.left = time_left(note.share, note.elapsed, note.now);
  EXPECT_EQ(task_line(note), "a \"<task>\" Timing: About 0.00% done\n");
  EXPECT_EQ(task_element(note),
            "<taskprogress task=\"a &quot;&lt;task&gt;&quot;\" time=\"1795334547\" "
            "percent=\"0.00\"/>\n");
}

TEST_F(TaskText, NothingIsDoneBeforeItsEnd) {
  TaskNote note = note_of(TaskNote::Kind::Progress);
  note.share = 1;
  EXPECT_EQ(task_line(note), "SYN Stealth Scan Timing: About 99.99% done\n");
}

TEST_F(TaskText, Stats) {
  EXPECT_EQ(stats_line(Seconds{11.9}, 3, 4, 1, "UDP Scan"),
            "Stats: 0:00:11 elapsed; 3 hosts completed (4 up), 1 undergoing UDP Scan\n");
  EXPECT_EQ(duration_text(Seconds{3.0 * 3600 + 62}), "3:01:02");
  EXPECT_EQ(duration_text(Seconds{-1}), "0:00:00");
}

TEST_F(TaskText, TimeLeftGoesOnAsBefore) {
  const auto left = time_left(0.25, Seconds{10}, at(1000));
  ASSERT_TRUE(left);
  EXPECT_DOUBLE_EQ(left->seconds.count(), 30);
  EXPECT_EQ(left->over, at(1030));
  EXPECT_FALSE(time_left(0, Seconds{10}, at(1000)));
  EXPECT_FALSE(time_left(0.5, Seconds{0}, at(1000)));
  // No calendar has room for it.
  EXPECT_FALSE(time_left(1e-18, Seconds{10}, at(1000)));
  EXPECT_FALSE(time_left(std::nan(""), Seconds{10}, at(1000)));
}

ScanList scans() {
  return {std::make_shared<ProbeSet>(ScanType::Syn, std::vector<ProbeSpec>(10)),
          std::make_shared<ProbeSet>(ScanType::Udp, std::vector<ProbeSpec>(5))};
}

constexpr std::size_t kSyn = TaskBook::kFirstScan;
constexpr std::size_t kUdp = kSyn + 1;
constexpr std::size_t kPing = TaskBook::kDiscovery;
constexpr std::size_t kNone = TaskBook::kNone;

// Hosts as they move, and what is told of tasks: "+SYN Stealth Scan" as one begins, "-" as it ends.
class TaskBookTest : public testing::Test {
 protected:
  void move(std::size_t from, std::size_t to, double work = 1, bool more_come = false) {
    book_.move(from, to, work, more_come, now_, tell_);
  }
  std::vector<std::string> close(bool more_come = false) {
    book_.close(more_come, now_, tell_);
    return std::exchange(told_, {});
  }

  std::vector<std::string> told_;
  TaskBook::Tell tell_ = [this](const AuditTask& task) {
    told_.push_back((task.is_open() ? "+" : "-") + std::string{task.name});
  };
  TaskBook book_{{ScanType::Syn, ScanType::Udp}, scans()};
  Moment now_{5};
};

using Told = std::vector<std::string>;

TEST_F(TaskBookTest, TasksBeginWithTheFirstHostAndEndWithTheLast) {
  move(kNone, kPing);
  move(kNone, kPing);
  EXPECT_EQ(close(), Told{"+Ping Scan"});
  move(kPing, kSyn);
  EXPECT_EQ(close(), Told{"+SYN Stealth Scan"});
  move(kSyn, kUdp);
  // Another host is at the ping scan, and may come to the SYN scan.
  EXPECT_EQ(close(), Told{"+UDP Scan"});
  move(kPing, kNone);
  EXPECT_EQ(close(), (Told{"-Ping Scan", "-SYN Stealth Scan"}));
  move(kUdp, kNone);
  EXPECT_EQ(close(), Told{"-UDP Scan"});
  EXPECT_EQ(close(), Told{});
  EXPECT_EQ(book_.tasks()[kPing].begun, 2);
  EXPECT_EQ(book_.tasks()[kSyn].begun, 1);
}

TEST_F(TaskBookTest, WhatIsOverEndsBeforeTheNextBegins) {
  move(kNone, kPing);
  move(kPing, kSyn);
  move(kSyn, kUdp);
  move(kUdp, kNone);
  EXPECT_EQ(close(), (Told{"+Ping Scan", "-Ping Scan", "+SYN Stealth Scan", "-SYN Stealth Scan",
                           "+UDP Scan", "-UDP Scan"}));
}

TEST_F(TaskBookTest, NothingIsOverForTheNextWhileHostsAreToCome) {
  move(kNone, kPing);
  move(kPing, kSyn, 1, true);
  EXPECT_EQ(close(true), (Told{"+Ping Scan", "+SYN Stealth Scan"}));
}

TEST_F(TaskBookTest, NoneEndsWhileHostsAreToCome) {
  move(kNone, kPing);
  move(kPing, kNone);
  EXPECT_EQ(close(true), Told{"+Ping Scan"});
  EXPECT_EQ(close(false), Told{"-Ping Scan"});
}

TEST_F(TaskBookTest, NeighboursAreAskedByTheirFamilysProtocol) {
  book_.set_family(false);
  move(kNone, TaskBook::kNeighbours);
  EXPECT_EQ(close(), Told{"+ND Ping Scan"});
}

TEST_F(TaskBookTest, ShareCountsHostsThatAreToCome) {
  for (int i = 0; i < 4; ++i) move(kNone, kPing);
  EXPECT_DOUBLE_EQ(book_.share(kPing, {0, 4}, 0), 0);
  move(kPing, kSyn);
  move(kPing, kNone);
  // Two are past it, of four here and four to come.
  EXPECT_DOUBLE_EQ(book_.share(kPing, {0, 2}, 0), 0.5);
  EXPECT_DOUBLE_EQ(book_.share(kPing, {0, 2}, 4), 0.25);
  // Half of those that are past the ping scan came to the SYN scan; so will one of two.
  EXPECT_DOUBLE_EQ(book_.share(kSyn, {5, 5}, 0), 0.25);
  EXPECT_DOUBLE_EQ(book_.share(kUdp, {0, 0}, 0), 0);
}

TEST_F(TaskBookTest, ShareWeighsHostsByTheirProbes) {
  for (int i = 0; i < 2; ++i) move(kNone, kSyn);
  move(kSyn, kNone, 30);
  EXPECT_DOUBLE_EQ(book_.share(kSyn, {0, 10}, 0), 0.75);
}

TEST(ProbeWork, SilenceSoFarTellsOfRepeatsToCome) {
  ProbeSchedule schedule{{.most_attempts = 11, .pings = false, .probes = 4}};
  const auto send = [&schedule](Moment now) {
    const auto next = schedule.next(3, 1000).value();
    schedule.sent(next, now, now + Moment{10});
    return next.index;
  };
  EXPECT_DOUBLE_EQ(schedule.work(3, 0).left, 4);
  EXPECT_DOUBLE_EQ(schedule.work(3, 1).left, 4 * 3);
  const auto first = send(Moment{0});
  ASSERT_TRUE(schedule.answered(first, 0, Moment{1}));
  EXPECT_DOUBLE_EQ(schedule.work(3, 0).sent, 1);
  EXPECT_DOUBLE_EQ(schedule.work(3, 0).left, 3);
  const auto second = send(Moment{1});
  ASSERT_TRUE(schedule.expire(Moment{20}, Moment{-1}, 3));
  EXPECT_EQ(schedule.silent(), 1);
  // Two more for it, and of two others a third is likely to be silent.
  EXPECT_DOUBLE_EQ(schedule.work(3, 0).left, 2 + 2 + 2 * 2 / 3.0);
  // An answer after all.
  ASSERT_TRUE(schedule.answered(second, 0, Moment{21}));
  EXPECT_EQ(schedule.silent(), 0);
  EXPECT_DOUBLE_EQ(schedule.work(3, 0).left, 2);
}

TEST(RunKeys, SequencesAreOneKey) {
  EXPECT_EQ(fold_sequences("v\x1b[Ad"),
            "v\x1b"
            "d");
  EXPECT_EQ(fold_sequences("\x1bOPx"), "\x1bx");
  EXPECT_EQ(fold_sequences("\x1b[1;5Cx"), "\x1bx");
  EXPECT_EQ(fold_sequences("\x1b"), "\x1b");
  EXPECT_EQ(fold_sequences("\x1b["), "\x1b");
  EXPECT_EQ(fold_sequences("\x1bv"), "\x1bv");
  EXPECT_EQ(fold_sequences(""), "");
}

TEST(XmlHint, IsNmaps) {
  HostReport report;
  report.ip = *IpAddress::parse("198.18.0.2");
  report.status = HostStatus::Up;
  report.reason = {.word = "arp-response", .ttl = 0, .from = {}};
  report.mac = MacAddress::parse("62:1c:63:4c:3d:74");
  EXPECT_EQ((XmlFormat{AuditRun{}, nullptr}.hint(report)),
            "<hosthint><status state=\"up\" reason=\"arp-response\" reason_ttl=\"0\"/>\n"
            "<address addr=\"198.18.0.2\" addrtype=\"ipv4\"/>\n"
            "<address addr=\"62:1C:63:4C:3D:74\" addrtype=\"mac\"/>\n"
            "<hostnames>\n</hostnames>\n</hosthint>\n");
}

}  // namespace
}  // namespace trawl::control
