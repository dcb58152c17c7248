#include "control/survey/status.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <vector>

#include "base/clock.h"
#include "control/survey/json_object.h"

namespace trawl::control {
namespace {

using Seconds = std::chrono::duration<double>;

double ratio(double part, double whole) { return whole > 0.0 ? part / whole : 0.0; }

std::string_view to_string(SurveyPhase phase) {
  switch (phase) {
    case SurveyPhase::Sending: return "sending";
    case SurveyPhase::BetweenSweeps: return "between-sweeps";
    case SurveyPhase::CoolingDown: return "cooling-down";
    case SurveyPhase::HearingPorts: return "hearing-ports";
    case SurveyPhase::AskingServices: return "asking-services";
    case SurveyPhase::Done: return "done";
  }
  return "unknown";
}

std::string counters_json(std::span<const NamedCounter> counters) {
  JsonObject object{JsonObject::Layout::OneLine};
  for (const NamedCounter& counter : counters) object.number(counter.name, counter.value);
  return object.done();
}

std::uint64_t sum(std::span<const NamedCounter> counters) noexcept {
  std::uint64_t total = 0;
  for (const NamedCounter& counter : counters) total += counter.value;
  return total;
}

// Those that this kind of survey can find.
std::vector<PortState> states_of(const SurveyProgress& progress) {
  std::vector<PortState> states;
  for (unsigned i = 0; i < kPortStates; ++i) {
    const auto state = static_cast<PortState>(i);
    if (can_be_found(state, progress.sought)) states.push_back(state);
  }
  return states;
}

// "22s", "3m12s", "5h07m", "12d03h".
std::string format_left(std::chrono::seconds left) {
  const auto s = left.count();
  if (s < 60) return fmt::format("{}s", s);
  if (s < 3600) return fmt::format("{}m{:02}s", s / 60, s % 60);
  if (s < 86400) return fmt::format("{}h{:02}m", s / 3600, s / 60 % 60);
  return fmt::format("{}d{:02}h", s / 86400, s / 3600 % 24);
}

// Whole percents; two decimals under one percent, where whole ones say nothing; 100 only when all
// is done.
std::string format_percent(double percent) {
  if (percent >= 100.0) return "100%";
  if (percent >= 1.0) return fmt::format("{}%", static_cast<int>(percent));
  return fmt::format("{:.2f}%", std::floor(percent * 100.0) / 100.0);
}

// "; service tier: 4,096 waiting, 100/s", and whether the survey waits for it.
std::string service_text(const SurveyProgress& progress) {
  if (!progress.services) return {};
  const ServiceProgress& tier = *progress.services;
  const std::string systems =
      tier.hosts > 0 ? fmt::format(", {} of {} systems named", tier.systems, tier.hosts) : "";
  return fmt::format("; service tier: {} known{}, {} waiting, {:.0f}/s{}", tier.identified, systems,
                     tier.waiting, tier.per_second, tier.holds ? ", sending waits for it" : "");
}

std::string services_json(const ServiceProgress& tier) {
  JsonObject object{JsonObject::Layout::OneLine};
  object.number("found", tier.found)
      .number("answered", tier.answered)
      .number("identified", tier.identified)
      .number("failed", tier.failed)
      .number("hosts", tier.hosts)
      .number("systems", tier.systems)
      .number("waiting", tier.waiting)
      .number("per_second", tier.per_second)
      .raw("holds_sending", tier.holds ? "true" : "false")
      .number("held_s", Seconds{tier.held}.count());
  return object.done();
}

std::string open_ports_json(const OpenPortProgress& ports) {
  JsonObject classes{JsonObject::Layout::OneLine};
  for (unsigned i = 0; i < kPortClasses; ++i) {
    classes.number(trawl::to_string(static_cast<PortClass>(i)), ports.classes[i]);
  }
  JsonObject object{JsonObject::Layout::OneLine};
  object.raw("classes", classes.done())
      .number("networks", ports.networks)
      .number("hosts", ports.hosts)
      .number("test_probes", ports.test_probes)
      .number("passed_over", ports.passed_over)
      .number("left_out", ports.left_out);
  if (!ports.has_banners) return object.done();
  object.number("banners", ports.banners)
      .number("services", ports.services)
      .number("identified", ports.identified)
      .number("tls", ports.tls)
      .number("banner_bytes", ports.banner_bytes)
      .number("remembered", ports.remembered)
      .number("talking", ports.talking);
  return object.done();
}

std::string os_hints_json(const OsHintProgress& hints) {
  JsonObject families{JsonObject::Layout::OneLine};
  for (const FamilyCount& family : hints.families) families.number(family.family, family.ports);
  JsonObject object{JsonObject::Layout::OneLine};
  object.raw("families", families.done())
      .number("unknown", hints.unknown)
      .number("compared", hints.compared)
      .number("several_machines", hints.several)
      .number("left_out", hints.left_out);
  return object.done();
}

// "; banners: 1234, 5 talking"
std::string banner_text(const SurveyProgress& progress) {
  if (!progress.open_ports || !progress.open_ports->has_banners) return {};
  return fmt::format("; banners: {}, {} talking", progress.open_ports->services,
                     progress.open_ports->talking);
}

}  // namespace

std::uint64_t SurveyProgress::dropped() const noexcept { return sum(drops); }

double SurveyProgress::average_send_rate() const noexcept {
  return ratio(static_cast<double>(sent), Seconds{sending_time}.count());
}

double SurveyProgress::average_reply_rate() const noexcept {
  return ratio(static_cast<double>(replies), Seconds{elapsed}.count());
}

double SurveyProgress::percent_done() const noexcept {
  return 100.0 * ratio(static_cast<double>(sweep_done), static_cast<double>(sweep_total));
}

double SurveyProgress::hit_rate() const noexcept {
  const std::uint64_t probed = std::min(sent - std::min(repeats, sent), targets);
  return 100.0 * ratio(static_cast<double>(found_in(sought)), static_cast<double>(probed));
}

std::optional<std::chrono::seconds> SurveyProgress::remaining() const noexcept {
  constexpr double kLongest = 1e9;  // Some thirty years: no use in being exact.
  if (phase == SurveyPhase::Done) return std::chrono::seconds{0};
  double left = 0.0;
  if (phase == SurveyPhase::Sending) {
    const double rate = average_send_rate();
    if (rate <= 0.0) return std::nullopt;
    const auto targets_left = static_cast<double>(sweep_total - std::min(sweep_done, sweep_total));
    const double share_left = ratio(targets_left, static_cast<double>(sweep_total));
    left = std::max(targets_left / rate, share_left * Seconds{network_time}.count());
    if (runtime_left) left = std::min(left, Seconds{*runtime_left}.count());
  }
  if (phase == SurveyPhase::AskingServices && services) {
    const double rate = ratio(static_cast<double>(services->answered), Seconds{elapsed}.count());
    if (rate <= 0.0) return std::nullopt;
    left = static_cast<double>(services->waiting) / rate;
  }
  left += Seconds{cooldown_left}.count();
  left = std::clamp(left, 0.0, kLongest);
  return std::chrono::seconds{static_cast<std::int64_t>(std::ceil(left))};
}

std::string format_rate(double packets_per_second) {
  constexpr std::array<std::string_view, 5> kUnits{"p/s", "Kp/s", "Mp/s", "Gp/s", "Tp/s"};
  double value = std::max(packets_per_second, 0.0);
  std::size_t unit = 0;
  // 999.5 would be shown as 1000.
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000.0;
    ++unit;
  }
  const bool whole = unit == 0 && value == std::floor(value);
  const int decimals = whole || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f} {}", value, decimals, kUnits[unit]);
}

std::string format_elapsed(std::chrono::nanoseconds time) {
  const auto s =
      std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::seconds>(time).count(), 0);
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

std::string format_progress_line(const SurveyProgress& progress) {
  const auto left = progress.remaining();
  const std::string percent = format_percent(progress.percent_done());
  std::string when = left ? format_left(*left) + " left" : "time left unknown";
  if (progress.phase == SurveyPhase::BetweenSweeps) when = "waiting before the next sweep";
  if (progress.phase == SurveyPhase::CoolingDown) when = "waiting for replies, " + when;
  if (progress.phase == SurveyPhase::HearingPorts) when = "hearing open ports";
  if (progress.phase == SurveyPhase::AskingServices) when = "asking services, " + when;
  if (progress.phase == SurveyPhase::Done) when = "done";
  return fmt::format(
      "{} {} ({}); send: {} {} ({} avg); recv: {} {} ({} avg); {}: {}; drops: {}; hitrate: "
      "{:.2f}%{}{}",
      format_elapsed(progress.elapsed),
      progress.sweep > 1 ? fmt::format("sweep {} {}", progress.sweep, percent) : percent, when,
      progress.sent, format_rate(progress.send_rate), format_rate(progress.average_send_rate()),
      progress.replies, format_rate(progress.reply_rate),
      format_rate(progress.average_reply_rate()), trawl::to_string(progress.sought),
      progress.found_in(progress.sought), progress.dropped(), progress.hit_rate(),
      banner_text(progress), service_text(progress));
}

std::string format_status_json(const SurveyProgress& progress,
                               std::chrono::system_clock::time_point now, StatusRecord record) {
  JsonObject object{JsonObject::Layout::OneLine};
  object.text("schema", "trawl.status.v1")
      .text("ts", format_utc(now))
      .text("phase", to_string(progress.phase))
      .number("elapsed_s", Seconds{progress.elapsed}.count())
      .number("percent_done", progress.percent_done());
  if (const auto left = progress.remaining()) {
    object.number("remaining_s", static_cast<std::uint64_t>(left->count()));
  } else {
    object.null("remaining_s");
  }
  object.number("targets", progress.targets)
      .number("sweep", std::uint64_t{progress.sweep})
      .number("sent", progress.sent)
      .number("repeats", progress.repeats)
      .number("no_neighbour", progress.no_neighbour)
      .number("send_pps", progress.send_rate)
      .number("send_avg_pps", progress.average_send_rate())
      .number("replies", progress.replies)
      .number("reply_pps", progress.reply_rate)
      .number("reply_avg_pps", progress.average_reply_rate());
  for (const PortState state : states_of(progress)) {
    object.number(trawl::to_string(state), progress.found_in(state));
  }
  object.number("duplicates", progress.duplicates)
      .number("dropped", progress.dropped())
      .raw("drops", counters_json(progress.drops))
      .raw("ignored", counters_json(progress.ignored))
      .raw("others", counters_json(progress.others));
  if (progress.open_ports) object.raw("open_ports", open_ports_json(*progress.open_ports));
  if (progress.os_hints) object.raw("os_hints", os_hints_json(*progress.os_hints));
  if (progress.services) object.raw("services", services_json(*progress.services));
  if (progress.recall) {
    JsonObject recall{JsonObject::Layout::OneLine};
    recall.number("estimate", progress.recall->recall)
        .number("low", progress.recall->low)
        .number("high", progress.recall->high)
        .text("verdict", progress.recall->verdict_text());
    object.raw("recall", recall.done());
  }
  if (record == StatusRecord::Final) {
    object.raw("rate_history", format_history_json(progress.history));
  }
  return object.done() + "\n";
}

std::string format_summary(const SurveyProgress& progress) {
  std::size_t width = std::string_view{"valid replies"}.size();
  for (const auto counters : {progress.drops, progress.ignored}) {
    for (const NamedCounter& counter : counters) width = std::max(width, counter.name.size());
  }
  if (progress.os_hints) {
    for (const FamilyCount& family : progress.os_hints->families) {
      width = std::max(width, family.family.size());
    }
  }
  std::string text;
  const auto row = [&](std::string_view name, std::uint64_t value, std::string_view more = {}) {
    fmt::format_to(std::back_inserter(text), "  {:<{}}  {:>12}{}{}\n", name, width, value,
                   more.empty() ? "" : "  ", more);
  };
  const std::string rate = format_rate(progress.average_send_rate()) + " average";
  const std::string share = fmt::format("of {} targets", progress.targets);
  fmt::format_to(std::back_inserter(text), "survey ended after {}\n",
                 format_elapsed(progress.elapsed));
  row("sent", progress.sent, share + ", " + rate);
  if (progress.repeats > 0) {
    row("of them repeats", progress.repeats, "to targets that had been silent");
  }
  if (progress.no_neighbour > 0) {
    row("no neighbour", progress.no_neighbour, "on-link targets that answered no ARP");
  }
  if (progress.limited > 0) {
    row("waited", progress.limited, "for --per-network-rate of their network");
  }
  if (progress.resets + progress.resets_dropped > 0) {
    row("resets sent", progress.resets,
        fmt::format("to end the handshakes of open ports, {} left out", progress.resets_dropped));
  }
  row("valid replies", progress.replies);
  for (const PortState state : states_of(progress)) {
    row(trawl::to_string(state), progress.found_in(state));
  }
  row("duplicates", progress.duplicates);
  if (const auto& ports = progress.open_ports) {
    for (unsigned i = 0; i < kPortClasses; ++i) {
      if (ports->classes[i] == 0) continue;
      row(trawl::to_string(static_cast<PortClass>(i)), ports->classes[i], "of the open ports");
    }
    if (ports->has_banners) {
      row("banners", ports->services, fmt::format("{} identified", ports->identified));
    }
    if (ports->networks + ports->hosts > 0) {
      row("answer all", ports->networks + ports->hosts,
          fmt::format("{} networks and {} hosts, told once each", ports->networks, ports->hosts));
      row("passed over", ports->passed_over, "open ports there");
    }
  }
  if (const auto& hints = progress.os_hints) {
    for (const FamilyCount& family : hints->families) {
      row(family.family, family.ports, "of the open ports, by their SYN-ACKs");
    }
    row("no signature", hints->unknown, "of the open ports");
    if (hints->compared > 0) {
      row("machines", hints->several,
          fmt::format("addresses with more than one, of {} with several open ports",
                      hints->compared));
    }
    if (hints->left_out > 0) {
      row("not compared", hints->left_out, "open ports, for want of room");
    }
  }
  if (const auto& tier = progress.services) {
    row("asked", tier->answered, fmt::format("of {} open ports", tier->found));
    row("identified", tier->identified);
    if (tier->hosts > 0) {
      row("systems", tier->systems, fmt::format("named, of {} hosts asked", tier->hosts));
    }
    if (tier->failed > 0) row("in trouble", tier->failed, "could not be asked to the end");
    if (tier->waiting > 0) {
      row("not asked", tier->waiting, "the survey ended before; 'trawl resume' asks them");
    }
    if (tier->held.count() > 0) {
      fmt::format_to(std::back_inserter(text),
                     "sending waited {} for the service tier, which had no room for more ports\n",
                     format_elapsed(tier->held));
    }
  }
  if (const std::string history = format_history(progress.history); !history.empty()) {
    fmt::format_to(std::back_inserter(text), "rate over time: {}\n", history);
  }
  if (progress.recall) {
    fmt::format_to(std::back_inserter(text), "estimated recall: {}, {}\n",
                   progress.recall->to_string(), progress.recall->verdict_text());
  }
  fmt::format_to(std::back_inserter(text), "lost on this machine: {}\n", progress.dropped());
  for (const NamedCounter& counter : progress.drops) row(counter.name, counter.value);
  fmt::format_to(std::back_inserter(text), "frames that were no replies: {}\n",
                 sum(progress.ignored));
  for (const NamedCounter& counter : progress.ignored) row(counter.name, counter.value);
  return text;
}

}  // namespace trawl::control
