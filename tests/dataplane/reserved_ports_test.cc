#include "dataplane/exception/reserved_ports.h"

#include <gtest/gtest.h>

#include <string>

namespace trawl::dataplane {
namespace {

std::string with(std::string_view text, PortRange range) {
  PortList list = PortList::parse(text);
  list.add(range);
  return list.to_string();
}

std::string without(std::string_view text, PortRange range) {
  PortList list = PortList::parse(text);
  list.remove(range);
  return list.to_string();
}

TEST(PortList, IsWrittenAsTheKernelWritesIt) {
  EXPECT_EQ("", PortList::parse("").to_string());
  EXPECT_EQ("8080,9148", PortList::parse("9148,8080").to_string());
  EXPECT_EQ("1-3", PortList::parse("1,2,3").to_string());
  EXPECT_EQ("80", PortList::parse("x,80,70000,9-3,-").to_string());
  EXPECT_EQ("0-65535", PortList::parse("0-65535").to_string());
}

TEST(PortList, MergesAndSplits) {
  EXPECT_EQ("8080,61000-61063", with("8080", {61000, 61063}));
  EXPECT_EQ("60999-61064", with("60999,61064", {61000, 61063}));
  EXPECT_EQ("100-65535", with("200-300,65000-65535", {100, 65000}));
  EXPECT_EQ("61000-61009,61021-61063", without("61000-61063", {61010, 61020}));
  EXPECT_EQ("", without("61000-61063", {0, 65535}));
  EXPECT_EQ("65535", without("65000-65535", {65000, 65534}));
}

ReservationNotes notes(std::string original, std::string written) {
  return {.original = std::move(original),
          .written = std::move(written),
          .holders = {{"eth1", {61000, 61063}}, {"eth2", {61050, 61100}}}};
}

TEST(ReservationNotes, SurviveBeingWritten) {
  const auto read = ReservationNotes::parse(notes("", "61000-61100").to_string());
  EXPECT_EQ("", read.original);
  EXPECT_EQ("61000-61100", read.written);
  ASSERT_EQ(2U, read.holders.size());
  EXPECT_EQ("eth2", read.holders[1].interface);
  EXPECT_EQ(61100, read.holders[1].ports.last);
  EXPECT_TRUE(ReservationNotes::parse("holder eth1 7-3\nholder\n\nnonsense").holders.empty());
}

TEST(ReservationNotes, TheLastHolderRestoresTheTextAsItWas) {
  auto kept = notes("9148,8080", "8080,9148,61000-61100");
  EXPECT_EQ("8080,9148,61000-61100", kept.wanted("9148,8080", {}));
  ASSERT_TRUE(kept.release("eth1"));
  EXPECT_FALSE(kept.release("eth1"));
  EXPECT_EQ("8080,9148,61050-61100", kept.wanted(kept.written, {{61000, 61063}}));
  kept.written = "8080,9148,61050-61100";
  ASSERT_TRUE(kept.release("eth2"));
  EXPECT_EQ("9148,8080", kept.wanted(kept.written, {{61050, 61100}}));
}

TEST(ReservationNotes, WhatOthersChangedMeanwhileStays) {
  auto kept = notes("8080,61005", "8080,61000-61100");
  kept.holders.pop_back();
  ASSERT_TRUE(kept.release("eth1"));
  // Somebody added 7000 and took 8080 out; 61005 was there before us.
  EXPECT_EQ("7000,61005,61064-61100", kept.wanted("7000,61000-61100", {{61000, 61063}}));
}

}  // namespace
}  // namespace trawl::dataplane
