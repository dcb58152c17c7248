#include "control/steward/stewardship.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"

namespace trawl::control {
namespace {

void append(std::vector<std::string>& into, const std::vector<std::string>& more) {
  into.insert(into.end(), more.begin(), more.end());
}

}  // namespace

void apply_configuration(const Configuration& configuration, SurveyOptions& options) {
  if (options.contact.empty()) options.contact = configuration.contact;
  append(options.blocklist_files, configuration.blocklists);
  append(options.opt_out_files, configuration.opt_outs);
  append(options.allow_special, configuration.allow_special);
}

Result<void> limit_rate(const Configuration& configuration, ByteCount frame,
                        SurveyOptions& options) {
  constexpr double kRounding = 1.0 + 1e-9;
  if (!configuration.max_rate) return {};
  const Configuration::MaxRate& most = *configuration.max_rate;
  options.max_rate = RateSpec{most.rate.for_frame(frame)};
  if (options.rate.is_automatic()) return {};
  const double allowed = most.rate.for_frame(frame).per_second();
  const PacketsPerSecond asked = options.rate.for_frame(frame);
  if (!asked.is_unlimited() && asked.per_second() <= allowed * kRounding) return {};
  if (options.rate_given && !asked.is_unlimited()) {
    return fail(ExitCode::Usage,
                fmt::format("--rate asks for {:.0f} packets/s, but {} allows no more than {} "
                            "({:.0f} packets/s); ask for less, or for max",
                            asked.per_second(), most.place, most.text, allowed));
  }
  options.rate = most.rate;
  if (!options.quiet && !options.dry_run) {
    log_warning("sending at {}, the most that {} allows", most.text, most.place);
  }
  return {};
}

Result<void> require_contact(const SurveyOptions& options, const SurveyPlan& plan) {
  if (options.dry_run || !options.contact.empty()) return {};
  std::uint64_t reached = plan.public_addresses;
  if (options.max_targets) reached = std::min(reached, options.max_targets->of(plan.size()));
  if (reached <= kMostAnonymousAddresses) return {};
  return fail(
      ExitCode::Usage,
      fmt::format("the survey reaches {} public addresses, more than {}, and names nobody "
                  "who answers for it; give --contact with an e-mail address or an https:// "
                  "page, or set contact in {}",
                  reached, kMostAnonymousAddresses, kConfigurationPath));
}

}  // namespace trawl::control
