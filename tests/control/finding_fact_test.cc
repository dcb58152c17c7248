#include "control/pipeline/finding_fact.h"

#include <gtest/gtest.h>

namespace trawl::control {
namespace {

using Outcome = service::ServiceFinding::Outcome;

PortClass class_of(Outcome outcome, Protocol protocol = Protocol::Tcp) {
  service::ServiceFinding finding;
  finding.outcome = outcome;
  finding.answered = true;  // As version detection has it of TCP once there is a connection.
  return fact_of({.port = 80, .protocol = protocol}, std::move(finding), {}).port_class;
}

TEST(FindingFact, WhoTakesConnectionsAndSaysNothingAccepts) {
  EXPECT_EQ(class_of(Outcome::Silent), PortClass::Accepts);
}

TEST(FindingFact, OfUdpAnAnswerIsAService) {
  EXPECT_EQ(class_of(Outcome::Silent, Protocol::Udp), PortClass::Service);
}

TEST(FindingFact, WordsAreAServiceAndEndsAreResets) {
  for (const Outcome outcome :
       {Outcome::Matched, Outcome::SoftMatched, Outcome::Incomplete, Outcome::Unknown}) {
    EXPECT_EQ(class_of(outcome), PortClass::Service);
  }
  EXPECT_EQ(class_of(Outcome::Wrapped), PortClass::Resets);
}

TEST(FindingFact, WhoCouldNotBeAskedIsUnknown) {
  EXPECT_EQ(class_of(Outcome::Failed), PortClass::Unknown);
  EXPECT_EQ(class_of(Outcome::Excluded), PortClass::Unknown);
}

}  // namespace
}  // namespace trawl::control
