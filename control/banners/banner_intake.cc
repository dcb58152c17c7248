#include "control/banners/banner_intake.h"

#include <array>
#include <string_view>
#include <utility>

namespace trawl::control {
namespace {

using dataplane::Banner;
using dataplane::BannerEnd;

constexpr std::size_t kFacts = 1024;  // Written at once, of ports without a word.

// Why a port without words is called what it is.
std::string_view evidence_of(const Banner& banner) noexcept {
  switch (banner.port_class) {
    case PortClass::Accepts: return "acknowledged our data and said nothing";
    case PortClass::ZeroWindow: return "its window stayed zero";
    case PortClass::Resets:
      return banner.end == BannerEnd::Closed ? "closed after the handshake without a word"
                                             : "reset after the handshake without a word";
    case PortClass::Tarpit: return "took our data in crumbs, or said its own so slowly";
    case PortClass::Middlebox: return "never acknowledged our data";
    case PortClass::Service:
    case PortClass::Unknown: break;
  }
  return {};
}

}  // namespace

BannerIntake::~BannerIntake() {
  while (!is_idle()) {
    workers_.wait();
    while (BannerWorkers::Batch* const batch = workers_.take()) {
      parts_.give_back({batch->banners.data(), batch->count});
      workers_.release(batch);
    }
  }
}

bool BannerIntake::begin_batches() {
  bool moved = false;
  while (BannerWorkers::Batch* const batch = workers_.obtain()) {
    batch->count = parts_.take(batch->banners);
    if (batch->count == 0) {
      workers_.release(batch);
      break;
    }
    workers_.submit(batch);
    moved = true;
  }
  return moved;
}

ServiceFact BannerIntake::fact_of(const Banner& banner, const Recognition* known) {
  using Field = service::MatchLine::Field;
  ServiceFact fact;
  fact.time = parts_.clock.wall_time_at(banner.arrival);
  fact.ip = banner.ip;
  fact.port = banner.port;
  fact.port_class = banner.port_class;
  fact.probe = recogniser_->questions().payloads[banner.payload].name;
  fact.evidence = evidence_of(banner);
  if (known == nullptr) return fact;
  const auto bytes = banner.bytes();
  fact.banner.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  fact.is_cut = banner.end == BannerEnd::Full;
  fact.service = known->service;
  fact.is_tls = known->is_tls;
  fact.line = known->line;
  fact.cpes = known->cpes;
  const auto field = [known](Field which) -> const std::string& {
    return known->fields[static_cast<std::size_t>(which)];
  };
  fact.product = field(Field::Product);
  fact.version = field(Field::Version);
  fact.info = field(Field::Info);
  fact.hostname = field(Field::Hostname);
  fact.os = field(Field::Os);
  fact.device = field(Field::Device);
  return fact;
}

void BannerIntake::add_fact(const Banner& banner, const Recognition* known, Result<void>& noted) {
  ++counts_.banners;
  counts_.bytes += banner.length;
  const auto index = parts_.index_of(banner.ip, banner.port);
  if (!index) {
    ++counts_.outside;
    (void)parts_.census.watch().spoke(banner.ip, banner.port, banner.port_class);
    return;
  }
  // A peer that speaks on and on after its end is soon taken for a new one.
  if (!parts_.census.classes().tell_once(*index)) {
    ++counts_.repeats;
    return;
  }
  ServiceFact fact = fact_of(banner, known);
  if (parts_.note) {
    if (auto done = parts_.note(*index); !done && noted) noted = done;
  }
  if (!parts_.census.judge(*index, fact)) return;
  if (fact.port_class == PortClass::Service) ++counts_.services;
  if (!fact.service.empty()) ++counts_.identified;
  if (fact.is_tls) ++counts_.tls;
  facts_.push_back(std::move(fact));
}

Result<void> BannerIntake::write() {
  if (facts_.empty()) return {};
  auto written = parts_.sink.write_facts(facts_);
  facts_.clear();
  return written;
}

Result<bool> BannerIntake::end_batches() {
  bool moved = false;
  while (BannerWorkers::Batch* const batch = workers_.take()) {
    Result<void> noted;
    for (std::size_t i = 0; i < batch->count; ++i) {
      add_fact(*batch->banners[i], batch->known[i].get(), noted);
    }
    parts_.give_back({batch->banners.data(), batch->count});
    workers_.release(batch);
    moved = true;
    if (auto written = write(); !written) return Failure{written.error()};
    if (!noted) return Failure{noted.error()};
  }
  return moved;
}

Result<bool> BannerIntake::turn() {
  const bool begun = begin_batches();
  const auto ended = end_batches();
  if (!ended) return ended;
  return begun || *ended;
}

Result<void> BannerIntake::finish(bool all_asked) {
  for (bool is_over = false; !is_over;) {
    const auto moved = turn();
    if (!moved) return Failure{moved.error()};
    if (!*moved && !is_idle()) workers_.wait();
    is_over = !*moved && is_idle();
  }
  if (!all_asked) return {};
  std::uint64_t from = 0;
  while (const auto index = parts_.census.classes().next_unknown(from)) {
    const auto [ip, port] = parts_.target_at(*index);
    ServiceFact fact;
    fact.time = std::chrono::system_clock::now();
    fact.ip = ip;
    fact.port = port;
    const dataplane::ConversationPlan& plan = *recogniser_->questions().plan;
    if (plan.first[port] == 0 && plan.second[port] == 0) {
      fact.trouble = "the probe file excludes this port";
    } else if (parts_.is_blocked && parts_.is_blocked(ip)) {
      fact.trouble = "blocked before it could answer";
    } else {
      fact.port_class = PortClass::Middlebox;
      fact.evidence = "never acknowledged our data";
    }
    if (parts_.census.judge(*index, fact)) facts_.push_back(std::move(fact));
    if (facts_.size() < kFacts) continue;
    if (auto written = write(); !written) return written;
  }
  return write();
}

}  // namespace trawl::control
