// Banners a second on one core: known by the lines of our own probe file, each different from all
// others, each said before, and with the facts written as JSON Lines to /dev/null.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "control/banners/banner_recogniser.h"
#include "control/survey/output/survey_outputs.h"
#include "service/probes/probe_source.h"

namespace trawl::control {
namespace {

constexpr std::size_t kBanners = 16'384;

struct Said {
  std::uint8_t payload = 0;
  std::string bytes;
};

std::shared_ptr<const BannerRecogniser> recogniser(std::size_t remembered) {
  const auto file = std::make_shared<const service::ProbeFile>(
      service::parse_probe_file(service::own_probe_text(), std::string{service::kOwnProbePath}));
  auto engine = service::MatchEngine::open(file, {});
  if (!engine) std::abort();
  return std::make_shared<const BannerRecogniser>(
      std::shared_ptr<const service::MatchEngine>{std::move(*engine)}, file,
      make_questions(*file, ByteCount{1024}), remembered);
}

// SSH, HTTP with a page, and mail; the numbers in them differ.
std::vector<Said> make_banners(const BannerQuestions& questions) {
  std::mt19937 random{7};
  std::vector<Said> all(kBanners);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string number = std::to_string(random());
    if (i % 3 == 0) {
      all[i].bytes = "SSH-2.0-OpenSSH_9." + number + " Debian-2+deb12u3\r\n";
    } else if (i % 3 == 1) {
      all[i].payload = questions.plan->first[80];
      all[i].bytes = "HTTP/1.1 200 OK\r\nServer: nginx/1.22." + number +
                     "\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>" +
                     std::string(600, 'x') + "</html>";
    } else {
      all[i].bytes = "220 mail" + number + ".example.net ESMTP Postfix (Debian/GNU)\r\n";
    }
  }
  return all;
}

// remembered: 0 for banners that are all new, 1 for banners that were all there before.
void recognise(benchmark::State& state) {
  const bool knows = state.range(0) != 0;
  const auto known = recogniser(knows ? std::size_t{256} << 20U : 0);
  const auto banners = make_banners(known->questions());
  std::uint64_t named = 0;
  const auto all = [&] {
    for (const Said& said : banners) {
      named += known->recognise(said.payload, said.bytes)->service.empty() ? 0 : 1;
    }
  };
  all();
  if (named != kBanners) return state.SkipWithError("a banner has no name");
  for (auto _ : state) all();
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBanners));
}
BENCHMARK(recognise)->ArgName("remembered")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

void write_facts(benchmark::State& state) {
  const auto known = recogniser(0);
  std::vector<ServiceFact> facts;
  for (const Said& said : make_banners(known->questions())) {
    const auto what = known->recognise(said.payload, said.bytes);
    ServiceFact& fact = facts.emplace_back();
    fact.ip = Ipv4Address{static_cast<std::uint32_t>(0xc6120000U + facts.size())};
    fact.port = 80;
    fact.port_class = PortClass::Service;
    fact.service = what->service;
    fact.product = what->fields[0];
    fact.version = what->fields[1];
    fact.cpes = what->cpes;
    fact.line = what->line;
    fact.banner = said.bytes;
  }
  SurveyOutputsOptions options;
  options.outputs = {{"/dev/null", OutputFormat::Jsonl}};
  options.fields.has_facts = true;
  auto outputs = SurveyOutputs::open(std::move(options));
  if (!outputs) return state.SkipWithError(outputs.error().message.c_str());
  for (auto _ : state) {
    if (!(*outputs)->write_facts(facts)) std::abort();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBanners));
}
BENCHMARK(write_facts)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace trawl::control

BENCHMARK_MAIN();
