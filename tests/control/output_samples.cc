// output_samples DIR: writes the same findings, of every state and reason, to DIR in each format,
// plain and compressed, as JSONL with chosen fields, and the
// records of a survey. What reads them back is outputs_test.py.
#include <cstdio>
#include <string>
#include <vector>

#include "control/survey/metadata.h"
#include "control/survey/output/survey_outputs.h"
#include "tests/control/verdicts.h"

namespace trawl::control {
namespace {

// From the smallest values to the largest.
std::vector<Verdict> make_findings() {
  std::vector<Verdict> findings{open_verdict(), closed_verdict(), udp_verdict(), up_verdict()};
  for (unsigned i = 0; i < kReasons; ++i) {
    Verdict verdict = unreachable_verdict();
    verdict.reason = static_cast<Reason>(i);
    findings.push_back(verdict);
  }
  for (unsigned i = 0; i < kPortStates; ++i) {
    Verdict verdict = open_verdict();
    verdict.state = static_cast<PortState>(i);
    findings.push_back(verdict);
  }
  Verdict most = open_verdict();
  most.ip = most.from = Ipv4Address{0xffffffffU};
  most.port = 65535;
  most.ttl = most.attempt = 255;
  most.rtt_us = 4294967295U;
  findings.push_back(most);
  Verdict least = closed_verdict();
  least.time = {};
  least.ip = Ipv4Address{0};
  least.from = Ipv4Address{1};
  least.port = 0;
  least.ttl = 0;
  least.rtt_us = 0;
  findings.push_back(least);
  return findings;
}

// The record of a long survey, and the last line of its status.
Result<void> write_records(const std::string& directory) {
  RateHistory history;
  for (int i = 0; i < 500; ++i) {
    RatePoint point{.start = std::chrono::seconds{i},
                    .length = std::chrono::seconds{1},
                    .asked = i < 3 ? -1.0 : 1000.0 * i,
                    .sent = 900,
                    .found = 9,
                    .reason = {}};
    if (i % 100 == 0) point.reason = static_cast<RateReason>(i / 100);
    history.add(point);
  }
  SurveyMetadata metadata;
  metadata.command_line = {"trawl", "survey"};
  metadata.ports = {80};
  metadata.automatic_rate = true;
  metadata.decisions = {{}};
  metadata.network_rate = PacketsPerSecond{10.0};
  metadata.exit_reason = "finished";
  metadata.progress.history = history.points();
  if (auto done = write_metadata(directory + "/metadata", metadata); !done) return done;
  auto file = OutputFile::create(directory + "/status");
  if (!file) return Failure{file.error()};
  const std::string last =
      format_status_json(metadata.progress, metadata.started, StatusRecord::Final);
  const std::string line = format_status_json(metadata.progress, metadata.started);
  if (auto done = file->append(line + last); !done) return done;
  return file->close();
}

Result<void> write_samples(const std::string& directory) {
  SurveyOutputsOptions options;
  options.outputs.clear();
  for (unsigned i = 0; i < kVerdictFormats; ++i) {
    const auto format = static_cast<OutputFormat>(i);
    const std::string path = directory + "/" + std::string{to_string(format)};
    options.outputs.push_back({path, format});
    options.outputs.push_back({path + ".zst", format});
  }
  options.states = StateSet::all();
  options.run = {.command_line = {"trawl", "survey", "<&\"--\xff\x1b>", ""},
                 .ports = {22, 80, 81, 443},
                 .started = open_verdict().time};
  auto outputs = SurveyOutputs::open(options);
  if (!outputs) return Failure{outputs.error()};
  for (const Verdict& finding : make_findings()) {
    if (auto written = (*outputs)->write({&finding, 1}); !written) return written;
    // Each flush closes the document, and each finding opens it again.
    if (auto flushed = (*outputs)->flush(); !flushed) return flushed;
  }
  if (auto closed = (*outputs)->close(); !closed) return closed;
  options.outputs = {{directory + "/chosen", OutputFormat::Jsonl}};
  options.fields.lines = {ResultField::RttUs, ResultField::From, ResultField::Ip};
  auto chosen = SurveyOutputs::open(options);
  if (!chosen) return Failure{chosen.error()};
  if (auto written = (*chosen)->write(make_findings()); !written) return written;
  return (*chosen)->close();
}

}  // namespace
}  // namespace trawl::control

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  auto written = trawl::control::write_samples(argv[1]);
  if (written) written = trawl::control::write_records(argv[1]);
  if (written) return 0;
  std::fprintf(stderr, "%s\n", written.error().message.c_str());
  return 1;
}
