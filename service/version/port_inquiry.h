#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "service/probes/probe_file.h"
#include "service/version/inquiry_parts.h"
#include "service/version/service_finding.h"

namespace trawl::service {

// Finds out what one port's service is: the state machine of Nmap's version detection, without
// sockets and without a clock. Whoever owns it carries out its commands, tells it what came of
// them, and calls tick() when wakes_at() is reached.
//
// The answer is that of asking one probe after the other (Nmap book, "Technique Described"), but
// the waits overlap: while a probe is met with silence the next one is asked on a connection of its
// own, and its answer counts once all probes before it are known to have none. Servers that take
// one connection at a time are noticed, and asked one probe after the other
// (docs/decisions.md, "Version detection").
//
// Thread: one at a time. The probe file outlives it.
class PortInquiry {
 public:
  PortInquiry(const ProbeFile& file, ServicePort port, InquiryRules rules);

  void begin(SteadyTime now);
  void connected(SteadyTime now, std::uint32_t attempt);
  void not_connected(SteadyTime now, std::uint32_t attempt, std::string_view trouble);
  // Of UDP: a datagram, be it empty.
  void data(SteadyTime now, std::uint32_t attempt, std::string_view bytes);
  // By the server, be it in order or by a reset. Of UDP: the port is unreachable.
  void ended(SteadyTime now, std::uint32_t attempt);
  void matched(SteadyTime now, std::uint32_t ticket, std::optional<LineMatch> match);
  void tick(SteadyTime now);

  // In the order in which they are to be carried out.
  [[nodiscard]] std::vector<InquiryCommand> take_commands();
  // When tick() is due; SteadyTime::max() for never.
  [[nodiscard]] SteadyTime wakes_at() const noexcept { return wakes_at_; }
  // Connections to be read from, and until when: those whose last bytes were looked at.
  struct Listening {
    std::uint32_t attempt = 0;
    SteadyTime until = SteadyTime::max();
  };
  [[nodiscard]] std::vector<Listening> listens() const;
  [[nodiscard]] bool is_done() const noexcept { return finding_.has_value(); }
  // Needs is_done(). The fingerprint is for others to write, of responses().
  [[nodiscard]] ServiceFinding take_finding() { return std::move(*finding_); }
  struct Response {
    std::size_t probe = 0;
    std::string bytes;
  };
  // What was said, each probe once, in the order of asking; empty where a line matched.
  [[nodiscard]] const std::vector<Response>& responses() const noexcept { return responses_; }
  [[nodiscard]] const ServicePort& port() const noexcept { return port_; }
  [[nodiscard]] bool is_tls() const noexcept { return is_tls_; }

  static constexpr std::size_t kMostResponse = 65536;
  // So much that nothing matches is enough: Nmap 7.93 goes on to the next probe.
  static constexpr std::size_t kEnough = 4096;

 private:
  using Slot = InquirySlot;
  using Attempt = InquiryAttempt;
  // Silence after which the next probe is asked beside.
  static constexpr auto kHeadStart = std::chrono::milliseconds{200};
  // Silence of NULL that is enough where servers speak only when they are asked.
  static constexpr auto kGrace = std::chrono::milliseconds{500};
  // Silence after a whole line that matched softly, which ends the wait for more of it.
  static constexpr auto kLineGrace = std::chrono::milliseconds{1500};
  // What is left to the next connection when an older one closes: it may have been in its shadow.
  // Probes that many servers answer have their whole wait.
  static constexpr auto kTurn = std::chrono::milliseconds{1000};
  // The rest of a response that is long enough.
  static constexpr auto kTail = std::chrono::milliseconds{100};
  // Of UDP: so long after its probe an answer is taken, unless Nmap would be done by then.
  static constexpr auto kLinger = std::chrono::seconds{15};

  // port_inquiry.cc: events.
  void begin_phase(bool is_tls);
  void end_overdue(SteadyTime now);
  void end_slot(SteadyTime now, std::size_t at, bool was_closed);
  // False when it counts as an end.
  [[nodiscard]] bool take_doubts(SteadyTime now, std::size_t at);
  void open(SteadyTime now, std::size_t at);
  void run_on(SteadyTime now, Attempt& attempt, std::size_t at);
  void close(SteadyTime now, std::uint32_t attempt);
  void abandon(SteadyTime now, std::size_t at);
  void go_serial(SteadyTime now);
  [[nodiscard]] bool must_rest(SteadyTime now);  // The server may not have noticed our last close.
  void start_over(SteadyTime now);
  // Of UDP: what comes after the wait is an answer to the probe that Nmap would be at by then,
  // whose one socket hears it.
  void linger(SteadyTime now, Attempt& attempt);
  void take_late(SteadyTime now, const Attempt& attempt, std::string_view bytes);
  void end_lingering(SteadyTime now);
  void take_nothing(SteadyTime now, Attempt& attempt);
  [[nodiscard]] SteadyTime::duration wait_of(const Slot& slot) const noexcept;
  [[nodiscard]] std::size_t active() const noexcept;  // Attempts that do not linger.
  void wake_by(SteadyTime when) noexcept { wakes_at_ = std::min(wakes_at_, when); }
  [[nodiscard]] Attempt* find(std::uint32_t attempt) noexcept;
  [[nodiscard]] Attempt* idle() noexcept;
  // Open connections of ours that are older.
  [[nodiscard]] std::size_t older_than(std::uint32_t attempt) const noexcept;
  // Whether a connection with so many older ones is known to be served.
  [[nodiscard]] bool is_heard(std::size_t older) const noexcept { return older < rooms_; }
  void prove(std::size_t older) noexcept;
  void give_turn(SteadyTime now, const Attempt& attempt);
  // Its silence says nothing yet: the server may take one connection at a time.
  [[nodiscard]] bool is_in_shadow(const Slot& slot) const noexcept;

  // inquiry_course.cc: in which order, and what counts.
  void advance(SteadyTime now);
  // False when nothing may be started: an answer waits for what is before it, or all is done.
  [[nodiscard]] bool review(SteadyTime now);
  void start_more(SteadyTime now);
  // True when NULL's connection carries the next probe from now on, or waits for that.
  [[nodiscard]] bool use_idle(SteadyTime now);
  void ask_alone(SteadyTime now, std::size_t at);
  void want_match(std::size_t at);
  void cut_null(SteadyTime now);
  [[nodiscard]] bool may_outrun_null(SteadyTime now, const Slot& slot);
  [[nodiscard]] bool may_ask(const Slot& slot) const;
  [[nodiscard]] bool is_over(const Slot& slot) const noexcept;
  [[nodiscard]] bool is_quiet(SteadyTime now);

  // inquiry_finding.cc: the answer.
  void finish(SteadyTime now, ServiceFinding&& finding);
  // Or goes on within TLS.
  void finish_matched(SteadyTime now, const Slot& slot);
  [[nodiscard]] bool leads_to_tls(const LineMatch& match) const noexcept;
  void finish_unmatched(SteadyTime now);
  // Every probe was answered by an empty datagram: Nmap calls that tcpwrapped, too.
  [[nodiscard]] bool is_wrapped_udp() const noexcept;
  static void take_over(ServiceFinding& finding, const LineMatch& soft);
  void tell(const Slot& slot, const LineMatch& match);
  [[nodiscard]] ServiceFinding finding_of(const Slot& slot, const LineMatch& match) const;

  const ProbeFile& file_;
  ServicePort port_;
  InquiryRules rules_;
  std::vector<Slot> slots_;  // In the order of Nmap.
  std::vector<Attempt> attempts_;
  std::vector<InquiryCommand> commands_;
  std::uint32_t last_attempt_ = 0, last_ticket_ = 0;
  SteadyTime closed_at_ = SteadyTime::min();  // Our last close of a connection.
  SteadyTime wakes_at_ = SteadyTime::max();
  bool is_tls_ = false;
  bool is_serial_ = false;   // One connection at a time.
  std::size_t rooms_ = 1;    // So many connections it was heard to serve at once.
  bool is_aborted_ = false;  // It takes no connection any more.
  bool answered_ = false, was_connected_ = false;
  bool told_soft_ = false;
  std::string trouble_;
  // As of the last review:
  std::optional<std::size_t> soft_slot_;  // Whose soft match counts...
  std::string soft_service_;              // ...and what it says.
  std::optional<std::size_t> second_;     // The first probe after NULL.
  std::vector<std::size_t> waiting_;      // Not asked yet; in order.
  std::vector<std::size_t> asked_;        // What Nmap would have asked by now.
  std::optional<ServiceFinding> finding_;
  std::vector<Response> responses_;
};

}  // namespace trawl::service
