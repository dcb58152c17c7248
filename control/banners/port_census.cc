#include "control/banners/port_census.h"

namespace trawl::control {

bool PortCensus::found(std::uint64_t index, const IpAddress& ip, std::uint16_t port,
                       Clock::time_point now) {
  classes_.found(index);
  watch_.found(ip, port, now);
  if (!watch_.covers(ip)) return true;
  (void)classes_.note(index, PortClass::Middlebox);
  ++passed_over_;
  return false;
}

// Who completes handshakes for others may let their words through: words are believed unless a port
// drawn at random speaks, too.
bool PortCensus::judge(std::uint64_t index, ServiceFact& fact) {
  const bool has_words = fact.port_class == PortClass::Service && !fact.banner.empty();
  const bool is_covered = has_words ? watch_.covers_words(fact.ip) : watch_.covers(fact.ip);
  if (is_covered) fact.port_class = PortClass::Middlebox;
  (void)classes_.note(index, fact.port_class);
  if (is_covered) ++left_out_;
  return !is_covered;
}

}  // namespace trawl::control
