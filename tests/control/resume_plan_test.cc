#include "control/audit/resume/resume_plan.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "control/audit/report/calendar.h"
#include "control/audit/report/report_format.h"
#include "control/audit/target_list.h"
#include "service/dns/name_resolver.h"

namespace trawl::control {
namespace {

using Format = AuditOptions::Output::Format;
using Words = std::vector<std::string>;

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

HostReport host_of(std::string_view address) {
  HostReport report;
  report.ip = ip(address);
  report.status = HostStatus::Up;
  return report;
}

class Resume : public testing::Test {
 protected:
  Resume() { std::filesystem::create_directory(folder_); }
  ~Resume() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path(const std::string& name) const { return folder_ + name; }
  [[nodiscard]] std::string content(const std::string& name) const {
    std::ifstream file{path(name), std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
  }
  void put(const std::string& name, const std::string& text) const {
    std::ofstream{path(name), std::ios::binary} << text;
  }
  // A report as a killed scan leaves it.
  void put_report(const std::string& name, Format format, const Words& words,
                  const std::vector<std::string_view>& hosts, bool is_running = true) const {
    AuditRun run;
    run.program = "trawl";
    run.command_line = words;
    run.started = std::chrono::system_clock::time_point{std::chrono::seconds{1795322410}};
    const auto made = make_report_format(format, run, nullptr);
    AuditTotals totals;
    totals.is_running = is_running;
    std::string text = made->header();
    for (const std::string_view host : hosts) text += made->host(host_of(host));
    put(name, text + made->footer(totals));
  }
  // What the program does with a plan, with `hosts` as what is found.
  void go_on(const ResumePlan& plan, const std::vector<std::string_view>& hosts) const {
    auto reports = AuditReports::open(plan.options, AuditRun{}, {.continued = plan.outputs});
    ASSERT_TRUE(reports) << reports.error().message;
    for (const std::string_view host : hosts) ASSERT_TRUE(reports->add(host_of(host)));
    ASSERT_TRUE(reports->close(AuditTotals{}));
  }
  [[nodiscard]] static std::string refusal(const std::string& path) {
    const auto plan = plan_resume(path, "trawl");
    return plan ? "" : plan.error().message;
  }

  std::string folder_ = testing::TempDir() + "trawl_resume_" + std::to_string(getpid()) + "/";
};

std::size_t times(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

TEST_F(Resume, EachReportGetsWhatItLacks) {
  const Words words{"-n",        "-oN", path("a.n"), "-oX",
                    path("a.x"), "-oJ", path("a.j"), "198.18.0.0/30"};
  put_report("a.n", Format::Normal, words, {"198.18.0.1", "198.18.0.0", "198.18.0.2"});
  put_report("a.x", Format::Xml, words, {"198.18.0.1"});
  put_report("a.j", Format::Json, words, {"198.18.0.1", "198.18.0.0"});
  for (const char* name : {"a.n", "a.x", "a.j"}) {
    const auto plan = plan_resume(path(name), "trawl");
    ASSERT_TRUE(plan) << plan.error().message;
    EXPECT_EQ(plan->finished, (SeenHosts{{ip("198.18.0.1"), {1, 1}}})) << name;
    EXPECT_EQ(plan->hosts, 1U);
    EXPECT_EQ(plan->hosts_up, 1U);
    EXPECT_EQ(plan->options.targets, Words{"198.18.0.0/30"});
    EXPECT_FALSE(plan->options.reverse_dns);
    EXPECT_FALSE(plan->has_ended);
  }
  const auto plan = plan_resume(path("a.x"), "trawl");
  go_on(*plan, {"198.18.0.0", "198.18.0.2", "198.18.0.3"});
  for (const std::string& host :
       std::vector<std::string>{"198.18.0.0", "198.18.0.1", "198.18.0.2", "198.18.0.3"}) {
    EXPECT_EQ(times(content("a.n"), "report for " + host + "\n"), 1U) << host;
    EXPECT_EQ(times(content("a.x"), "addr=\"" + host + "\""), 1U) << host;
    EXPECT_EQ(times(content("a.j"), "\"ip\":\"" + host + "\""), 1U) << host;
  }
  EXPECT_EQ(times(content("a.n"), "# Nmap "), 2U);  // One start, one end.
  EXPECT_EQ(times(content("a.x"), "<nmaprun "), 1U);
  EXPECT_EQ(times(content("a.x"), "</nmaprun>"), 1U);
  EXPECT_EQ(times(content("a.j"), "\"record\":\"run\""), 1U);
  EXPECT_TRUE(plan_resume(path("a.x"), "trawl")->has_ended);
}

TEST_F(Resume, TargetsThatAreFinishedAreLeftOutAsOftenAsTheyAre) {
  AuditOptions options;
  options.targets = {"198.18.0.1", "198.18.0.0/30", "198.18.0.1"};
  const AuditScope everybody;
  auto list = TargetList::open(options, std::make_shared<service::NameResolver>(), everybody,
                               [](std::string_view) {});
  list->skip({{ip("198.18.0.1"), {2, 2}}, {ip("198.18.0.3"), {1, 0}}});
  std::string left;
  while (const auto target = list->next()) left += target->ip.to_string() + " ";
  EXPECT_EQ(left, "198.18.0.0 198.18.0.2 198.18.0.1 ");
}

TEST_F(Resume, NamesHaveTheTimeOfTheStart) {
  const auto started = std::chrono::system_clock::time_point{std::chrono::seconds{1795322410}};
  const std::string name = expand_file_name("%Y-%T", started);
  const Words words{"-oG", path("%Y-%T"), "-oX", path("%%.x"), "h"};
  for (const auto& [format, own] : std::vector<std::pair<Format, std::string>>{
           {Format::Grepable, name}, {Format::Xml, "%.x"}}) {
    put_report(name, Format::Grepable, words, {});
    put_report("%.x", Format::Xml, words, {});
    const auto plan = plan_resume(path(own), "trawl");
    ASSERT_TRUE(plan) << plan.error().message;
    EXPECT_EQ(plan->outputs[0].path, path(name));
    EXPECT_EQ(plan->outputs[1].path, path("%.x"));
    EXPECT_TRUE(plan->outputs[0].position);
    EXPECT_TRUE(plan->outputs[1].position);
  }
}

TEST_F(Resume, AReportThatWasMovedOrPipedIsContinuedWhereItIs) {
  for (const std::string& where : {std::string{"-"}, path("elsewhere")}) {
    put_report("moved", Format::Xml, {"-oX", where, "198.18.0.1"}, {"198.18.0.1"});
    const auto plan = plan_resume(path("moved"), "trawl");
    ASSERT_TRUE(plan) << plan.error().message;
    ASSERT_EQ(plan->outputs.size(), 1U);
    EXPECT_EQ(plan->outputs[0].path, path("moved"));
    EXPECT_EQ(plan->options.outputs[0].format, Format::Xml);
  }
}

TEST_F(Resume, WhatIsThereIsNotOverwritten) {
  const Words words{"-oN", path("a.n"), "-oX", path("a.x"), "198.18.0.1"};
  put_report("a.n", Format::Normal, words, {"198.18.0.1"});
  EXPECT_EQ(refusal(path("a.n")), "Cannot resume " + path("a.n") + ": its command line names " +
                                      path("a.x") +
                                      " as well (No such file or directory); put it back");
  put("a.x", "Not a report at all, but somebody's file of more than forty bytes.\n");
  EXPECT_EQ(refusal(path("a.n")), "Unable to parse supposed log file " + path("a.x") + ".  Sorry");
  put_report("a.x", Format::Xml, {"-n"}, {});
  EXPECT_EQ(refusal(path("a.n")), "Cannot resume " + path("a.n") + ": " + path("a.x") +
                                      " is the output of another command");
  put_report("a.x", Format::Normal, words, {"198.18.0.1"});
  EXPECT_EQ(refusal(path("a.n")), "Cannot resume " + path("a.n") + ": " + path("a.x") +
                                      " is the output of another command");
  // A kill before the first hosts can leave a report that was not begun.
  put_report("a.n", Format::Normal, words, {});
  std::filesystem::remove(path("a.x"));
  EXPECT_FALSE(plan_resume(path("a.n"), "trawl")->outputs[1].position);
  put("a.x", "");
  EXPECT_FALSE(plan_resume(path("a.n"), "trawl")->outputs[1].position);
}

TEST_F(Resume, AnAuditHasEndedWhenAllItsReportsHave) {
  const Words words{"-oN", path("a.n"), "-oX", path("a.x"), "198.18.0.1"};
  put_report("a.n", Format::Normal, words, {"198.18.0.1"}, false);
  put_report("a.x", Format::Xml, words, {"198.18.0.1"});
  EXPECT_FALSE(plan_resume(path("a.n"), "trawl")->has_ended);
  put_report("a.x", Format::Xml, words, {"198.18.0.1"}, false);
  EXPECT_TRUE(plan_resume(path("a.n"), "trawl")->has_ended);
}

TEST_F(Resume, CommandsThatCannotGoOnAreRefused) {
  const auto of = [this](const Words& words) {
    put_report("a", Format::Normal, words, {});
    return refusal(path("a"));
  };
  EXPECT_EQ(of({"-n", "--bogus"}), "trawl: unrecognized option '--bogus'");
  EXPECT_EQ(of({"-h"}), "Unable to parse supposed log file " + path("a") + ".  Sorry");
  EXPECT_EQ(of({"--resume", path("a")}),
            "Unable to parse supposed log file " + path("a") + ".  Sorry");
  EXPECT_NE(of({"-sL", "198.18.0.1"}).find("a list of targets is made anew"), std::string::npos);
  EXPECT_NE(of({"-iR", "5"}).find("its targets were random"), std::string::npos);
}

}  // namespace
}  // namespace trawl::control
