#include "control/survey/output/output_filter.h"

#include "control/survey/output/zmap_classification.h"

namespace trawl::control {

bool OutputFilter::holds(const Test& test, const Verdict& verdict) noexcept {
  std::uint32_t value = 0;
  switch (test.field) {
    case Field::Ip: return verdict.ip >= test.first && verdict.ip <= test.last;
    case Field::From: return verdict.from >= test.first && verdict.from <= test.last;
    case Field::Port: value = verdict.port; break;
    case Field::Ttl: value = verdict.ttl; break;
    case Field::RttUs:
      if (!verdict.rtt_us) return false;
      value = *verdict.rtt_us;
      break;
    case Field::Attempt: value = verdict.attempt; break;
    case Field::Success: value = is_success(verdict.state) ? 1 : 0; break;
    case Field::Repeat: value = verdict.repeat ? 1 : 0; break;
    case Field::Cooldown: value = verdict.cooldown ? 1 : 0; break;
    case Field::State: value = static_cast<std::uint32_t>(verdict.state); break;
    case Field::Classification:
      value = static_cast<std::uint32_t>(classification_of(verdict.reason));
      break;
    case Field::Reason: value = static_cast<std::uint32_t>(verdict.reason); break;
    case Field::Protocol: value = static_cast<std::uint32_t>(verdict.protocol); break;
    case Field::Type: value = kTypeVerdict; break;
  }
  return value >= test.low && value <= test.high;
}

bool OutputFilter::holds(const Test& test, const ServiceFact& fact) noexcept {
  std::uint32_t value = 0;
  switch (test.field) {
    case Field::Ip: return fact.ip >= test.first && fact.ip <= test.last;
    case Field::Port: value = fact.port; break;
    case Field::Protocol: value = static_cast<std::uint32_t>(fact.protocol); break;
    case Field::State: value = static_cast<std::uint32_t>(PortState::Open); break;
    case Field::Success: value = 1; break;
    case Field::Type: value = kTypeService; break;
    default: return false;
  }
  return value >= test.low && value <= test.high;
}

bool OutputFilter::holds(const Test& test, const NetworkFact& fact) noexcept {
  if (test.field == Field::Ip) return fact.first >= test.first && fact.first <= test.last;
  return test.field == Field::Type && kTypeNetwork >= test.low && kTypeNetwork <= test.high;
}

bool OutputFilter::holds(const Test& test, const MachinesFact& fact) noexcept {
  if (test.field == Field::Ip) return fact.ip >= test.first && fact.ip <= test.last;
  return test.field == Field::Type && kTypeMachines >= test.low && kTypeMachines <= test.high;
}

template <typename Record>
bool OutputFilter::evaluate(const Record& record) const noexcept {
  Place place = start_;
  while (place >= kFirstTest) {
    const Test& test = tests_[place - kFirstTest];
    place = holds(test, record) ? test.yes : test.no;
  }
  return place == kAccept;
}

bool OutputFilter::accepts(const Verdict& verdict) const noexcept { return evaluate(verdict); }
bool OutputFilter::accepts(const ServiceFact& fact) const noexcept { return evaluate(fact); }
bool OutputFilter::accepts(const NetworkFact& fact) const noexcept { return evaluate(fact); }
bool OutputFilter::accepts(const MachinesFact& fact) const noexcept { return evaluate(fact); }

}  // namespace trawl::control
