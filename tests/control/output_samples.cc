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
  metadata.progress.services = ServiceProgress{};
  if (auto done = write_metadata(directory + "/metadata", metadata); !done) return done;
  auto file = OutputFile::create(directory + "/status");
  if (!file) return Failure{file.error()};
  const std::string last =
      format_status_json(metadata.progress, metadata.started, StatusRecord::Final);
  const std::string line = format_status_json(metadata.progress, metadata.started);
  if (auto done = file->append(line + last); !done) return done;
  return file->close();
}

// One with everything, one with nothing, and one that is too long.
std::vector<ServiceFact> make_facts() {
  std::string all;
  for (int i = 0; i < 512; ++i) all += static_cast<char>(i);
  ServiceFact most;
  most.time = open_verdict().time;
  most.ip = open_verdict().ip;
  most.port = 443;
  most.port_class = PortClass::Service;
  most.source = ServiceFact::Source::Version;
  most.service = "http";
  most.is_tls = true;
  most.product = "a, \"b\" \x1b\xc2\x9b <&> \xc3\xa9 \xff";
  most.version = "1.2";
  most.info = most.hostname = most.os = most.device = most.probe = most.trouble = "x";
  most.evidence = "x";
  most.cpes = {"cpe:/a:x:y", "cpe:/o:z"};
  most.systems = {{.name = "a <kernel>, \x1b", .accuracy = 98, .line = 9},
                  {.name = "another", .accuracy = 97, .line = 5}};
  most.line = 7;
  most.banner = all;
  most.is_cut = true;
  most.fingerprint = "SF-Port443-TCP:V=1%r(NULL,1,\"\\x01\");";
  ServiceFact least;
  least.time = most.time;
  least.ip = most.ip;
  least.port = 22;
  ServiceFact longest = least;
  longest.banner.assign(100'000, '\xff');
  longest.port_class = PortClass::Service;
  return {most, least, longest};
}

NetworkFact make_network() {
  return {.time = open_verdict().time,
          .first = *IpAddress::parse("198.18.7.0"),
          .length = 24,
          .opens = 9,
          .tests = {{.ip = *IpAddress::parse("198.18.7.3"), .port = 40001},
                    {.ip = *IpAddress::parse("198.18.7.9"), .port = 51234}},
          .speaks = true};
}

// The same verdict and facts in each format that has a place for them.
Result<void> write_facts(const std::string& directory) {
  SurveyOutputsOptions options;
  options.outputs.clear();
  for (unsigned i = 0; i < kVerdictFormats; ++i) {
    const auto format = static_cast<OutputFormat>(i);
    options.outputs.push_back({directory + "/facts." + std::string{to_string(format)}, format});
  }
  options.fields.has_facts = true;
  const auto write = [](SurveyOutputs& outputs) {
    const Verdict verdict = open_verdict();
    auto done = outputs.write({&verdict, 1});
    if (done) done = outputs.write_facts(make_facts());
    const NetworkFact network = make_network();
    if (done) done = outputs.write_networks({&network, 1});
    return done ? outputs.close() : done;
  };
  auto all = SurveyOutputs::open(options);
  if (!all) return Failure{all.error()};
  if (auto done = write(**all); !done) return done;
  options.outputs = {{directory + "/facts.chosen", OutputFormat::Jsonl}};
  options.fields.lines = {ResultField::Ip, ResultField::Type};
  auto chosen = SurveyOutputs::open(options);
  if (!chosen) return Failure{chosen.error()};
  if (auto done = write(**chosen); !done) return done;
  options.outputs = {{directory + "/facts.filtered", OutputFormat::Jsonl}};
  options.fields.lines = {ResultField::Ip, ResultField::Service};
  options.filter = *OutputFilter::parse("type = service && port > 400", "--output-filter");
  auto filtered = SurveyOutputs::open(options);
  if (!filtered) return Failure{filtered.error()};
  return write(**filtered);
}

// Verdicts with hints and without, and the machines behind an address.
Result<void> write_hints(const std::string& directory) {
  const SystemName linux_name{.family = "Linux", .version = "4.20-6.x"};
  const SystemName windows{.family = "Windows", .version = "10-11, Server 2016-2025"};
  const SystemName bare{.family = "lwIP", .version = ""};
  SurveyOutputsOptions options;
  options.outputs = {{directory + "/hints.jsonl", OutputFormat::Jsonl},
                     {directory + "/hints.csv", OutputFormat::Csv}};
  options.fields.has_hints = true;
  auto outputs = SurveyOutputs::open(options);
  if (!outputs) return Failure{outputs.error()};
  std::vector<Verdict> verdicts(4, open_verdict());
  verdicts[0].system = {.name = &linux_name, .confidence = 95, .hops = 7};
  verdicts[1].system = {.name = &windows, .confidence = 60, .hops = 0};
  verdicts[2].system = {.name = &bare, .confidence = 80, .hops = 3};
  if (auto written = (*outputs)->write(verdicts); !written) return written;
  const MachinesFact fact{
      .time = open_verdict().time,
      .ip = *IpAddress::parse("198.18.7.3"),
      .machines = {{.ports = {80, 443}, .ttl = 118, .system = verdicts[1].system},
                   {.ports = {22},
                    .ttl = 54,
                    .system = {},
                    .evidence = "TTL 54, not 118",
                    .is_certain = true}}};
  if (auto written = (*outputs)->write_machines({&fact, 1}); !written) return written;
  return (*outputs)->close();
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
  if (written) written = trawl::control::write_facts(argv[1]);
  if (written) written = trawl::control::write_hints(argv[1]);
  if (written) written = trawl::control::write_records(argv[1]);
  if (written) return 0;
  std::fprintf(stderr, "%s\n", written.error().message.c_str());
  return 1;
}
