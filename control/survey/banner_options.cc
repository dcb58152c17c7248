#include "control/survey/banner_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <utility>

#include "control/banners/banner_questions.h"
#include "control/survey/survey_options.h"
#include "control/survey/text.h"

namespace trawl::control {
namespace {

constexpr std::uint64_t kMostBytes = 60'000;  // As the conversation engine and records take.

Failure usage(std::string message) { return fail(ExitCode::Usage, std::move(message)); }

Result<void> take_payloads(const std::vector<std::string>& texts,
                           std::vector<BannerPayload>& payloads) {
  if (texts.size() > kMostOwnQuestions) {
    return usage(fmt::format("--banner-payload is given {} times; at most {} are taken",
                             texts.size(), kMostOwnQuestions));
  }
  std::vector<bool> has(dataplane::ConversationPlan::kPorts);
  for (const std::string& text : texts) {
    auto payload = BannerPayload::parse(text);
    if (!payload) return Failure{payload.error()};
    for (const std::uint16_t port : payload->ports) {
      if (has[port]) {
        return usage(fmt::format("--banner-payload: port {} has two; give one of them", port));
      }
      has[port] = true;
    }
    payloads.push_back(std::move(*payload));
  }
  return {};
}

Result<void> check(const SurveyOptions& options) {
  using dataplane::ProbeKind;
  if (options.probe != ProbeKind::TcpSyn) {
    return usage(
        fmt::format("--banners talks to ports that answer a SYN, which --probe {} does not send; "
                    "use tcp-syn",
                    to_string(options.probe)));
  }
  if (options.dry_run) {
    return usage(
        "--banners has no meaning with --dry-run, which prints targets alone; leave one of them "
        "out");
  }
  if (!options.states.has(PortState::Open)) {
    return usage("--banners talks to open ports, which --states leaves out; add open");
  }
  if (std::ranges::all_of(options.outputs, holds_frames)) {
    return usage("--banners: a capture has no place for banners; add an output of another format");
  }
  return {};
}

}  // namespace

void add_banner_options(CLI::App& app, BannerTexts& texts) {
  constexpr const char* kGroup = "What stands behind open ports";
  app.add_flag("--banners", texts.is_wanted,
               "Talk to every open TCP port from the polling cores, and\ntell what it says")
      ->disable_flag_override()
      ->group(kGroup);
  app.add_option("--banner-bytes", texts.most_bytes, "How much of it, 1 to 60000 (default 1024)")
      ->type_name("N")
      ->group(kGroup);
  app.add_option("--banner-payload", texts.payloads,
                 "What these TCP ports are told first: the bytes of a file;\nmay be repeated")
      ->type_name("PORTS=FILE")
      ->allow_extra_args(false)
      ->group(kGroup);
}

Result<void> take_banner_options(const CLI::App& app, const BannerTexts& texts,
                                 SurveyOptions& options) {
  options.banners.is_wanted = texts.is_wanted;
  if (!texts.is_wanted) {
    for (const char* option : {"--banner-bytes", "--banner-payload"}) {
      if (app.count(option) == 0) continue;
      return usage(fmt::format("{} is about --banners; add that, or leave it out", option));
    }
    return {};
  }
  if (auto taken = take_payloads(texts.payloads, options.banners.payloads); !taken) return taken;
  if (app.count("--banner-bytes") > 0) {
    const std::string& text = texts.most_bytes;
    std::uint64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || stop != end || number < 1 || number > kMostBytes) {
      return usage(
          fmt::format("--banner-bytes: {} is not a number from 1 to {}", quote(text), kMostBytes));
    }
    options.banners.most_bytes = ByteCount{number};
  }
  options.fields.has_facts = true;
  return check(options);
}

}  // namespace trawl::control
