#include "control/survey/survey_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string_view>
#include <utility>

#include "control/steward/contact.h"
#include "control/survey/option_values.h"
#include "control/survey/survey_option_list.h"
#include "control/survey/survey_option_rules.h"
#include "control/survey/text.h"
#include "control/survey/version.h"

namespace trawl::control {
namespace {

Failure usage(std::string message) { return fail(ExitCode::Usage, std::move(message)); }

// Parses `text` into `into` when the option was given at all. `given` tells "" from absent.
template <typename T, typename Into, typename Parse>
Result<void> take_value(const CLI::App& app, std::string_view option, const std::string& text,
                        Into& into, Parse parse) {
  if (app.count(std::string{option}) == 0) return {};
  Result<T> value = parse(text, option);
  if (!value) return Failure{value.error()};
  into = std::move(*value);
  return {};
}

Result<void> take_values(const CLI::App& app, const SurveyTexts& texts, SurveyOptions& options) {
  using Time = std::chrono::nanoseconds;
  Result<void> done;
  const auto take = [&]<typename T>(std::type_identity<T>, std::string_view option,
                                    const std::string& text, auto& into, auto parse) {
    if (done) done = take_value<T>(app, option, text, into, parse);
  };
  take(std::type_identity<dataplane::ProbeKind>{}, "--probe", texts.probe, options.probe,
       parse_probe_kind);
  take(std::type_identity<std::vector<std::uint16_t>>{}, "--ports", texts.ports, options.ports,
       parse_ports);
  take(std::type_identity<TargetLimit>{}, "--max-targets", texts.max_targets, options.max_targets,
       TargetLimit::parse);
  take(std::type_identity<std::string>{}, "--tap", texts.tap, options.tap, parse_interface_name);
  take(std::type_identity<RateSpec>{}, "--rate", texts.rate, options.rate, RateSpec::parse);
  take(std::type_identity<RateSpec>{}, "--per-network-rate", texts.network_rate,
       options.network_rate, RateSpec::parse_plain);
  take(std::type_identity<std::string>{}, "--contact", texts.contact, options.contact,
       parse_contact);
  take(std::type_identity<std::vector<IpAddress>>{}, "--source-ip", texts.source_ip,
       options.source_ips, parse_source_addresses);
  take(std::type_identity<std::uint8_t>{}, "--ttl", texts.ttl, options.ttl, parse_ttl);
  take(std::type_identity<dataplane::SynOptions>{}, "--tcp-options", texts.syn_options,
       options.syn_options, parse_syn_options);
  take(std::type_identity<dataplane::VlanId>{}, "--vlan", texts.vlan, options.vlan, parse_vlan);
  take(std::type_identity<PortRange>{}, "--source-port", texts.source_ports, options.source_ports,
       parse_port_range);
  take(std::type_identity<IpAddress>{}, "--gateway", texts.gateway, options.gateway, parse_address);
  take(std::type_identity<MacAddress>{}, "--gateway-mac", texts.gateway_mac, options.gateway_mac,
       parse_mac);
  take(std::type_identity<std::vector<unsigned>>{}, "--lcores", texts.lcores, options.lcores,
       parse_cpu_list);
  take(std::type_identity<Uint128>{}, "--seed", texts.seed, options.seed, parse_seed);
  take(std::type_identity<Time>{}, "--cooldown", texts.cooldown, options.cooldown, parse_duration);
  take(std::type_identity<Time>{}, "--max-runtime", texts.max_runtime, options.max_runtime,
       parse_duration);
  take(std::type_identity<Shard>{}, "--shard", texts.shard, options.shard, parse_shard);
  take(std::type_identity<unsigned>{}, "--probes", texts.probes, options.probes, parse_probe_count);
  take(std::type_identity<RetryMode>{}, "--retries", texts.retries, options.retries,
       parse_retry_mode);
  take(std::type_identity<Time>{}, "--retry-delay", texts.retry_delay, options.retry_delay,
       parse_duration);
  take(std::type_identity<ByteCount>{}, "--memory", texts.memory, options.memory, parse_byte_count);
  options.states = StateSet::only(sought_state(options.probe));
  take(std::type_identity<StateSet>{}, "--states", texts.states, options.states, StateSet::parse);
  take(std::type_identity<OutputFilter>{}, "--output-filter", texts.filter, options.filter,
       OutputFilter::parse);
  return done;
}

// Names, formats and fields depend on each other.
Result<void> take_outputs(const CLI::App& app, const SurveyTexts& texts, SurveyOptions& options) {
  std::optional<OutputFormat> format;
  auto taken = take_value<OutputFormat>(app, "--format", texts.format, format, parse_output_format);
  if (!taken) return taken;
  auto outputs = parse_outputs(texts.outputs, format);
  if (!outputs) return Failure{outputs.error()};
  auto fields = parse_output_fields(texts.fields, *outputs);
  if (!fields) return Failure{fields.error()};
  options.outputs = std::move(*outputs);
  options.fields = std::move(*fields);
  return {};
}

Failure unknown_option(const CLI::App& app, const std::string& word) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  const std::vector<std::string_view> candidates{names.begin(), names.end()};
  const std::string_view name = std::string_view{word}.substr(0, word.find('='));
  return usage(fmt::format("unknown option {}{}; see trawl survey --help", quote(name),
                           did_you_mean(name, candidates)));
}

// CLI11's messages start with the option and a colon.
Failure bad_command_line(const CLI::ParseError& error) {
  const std::string_view said = error.what();
  const std::string_view option = said.substr(0, said.find(':'));
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) == nullptr) {
    return usage(fmt::format("{}; see trawl survey --help", said));
  }
  std::string_view why = "given more than once";
  if (said.find("missing") != std::string_view::npos) why = "the value is missing";
  if (said.find("flag override") != std::string_view::npos) {
    return usage(fmt::format("--{} takes no value; leave it out", said.substr(0, said.find(' '))));
  }
  return usage(fmt::format("{}: {}; see trawl survey --help", option, why));
}

}  // namespace

Result<std::variant<SurveyOptions, PrintAndExit>> parse_survey_options(
    std::span<const char* const> args) {
  SurveyOptions options;
  SurveyTexts texts;
  CLI::App app{"Find what answers on many addresses: one probe to each target, statelessly.",
               "trawl survey"};
  app.set_help_flag("-h,--help", "Print this text");
  app.set_version_flag("--version", "trawl " + std::string{kVersion}, "Print the version");
  app.get_formatter()->column_width(30);
  app.allow_extras();
  add_survey_options(app, options, texts);
  std::vector<std::string> reversed{args.begin(), args.end()};  // The order CLI11 wants.
  std::ranges::reverse(reversed);
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return PrintAndExit{help_of(app)};
  } catch (const CLI::CallForVersion&) {
    return PrintAndExit{app.version() + "\n"};
  } catch (const CLI::ParseError& error) {
    return bad_command_line(error);
  }
  for (const std::string& word : app.remaining()) {
    if (word == "--") continue;  // Only says that no option follows.
    if (std::string why = refusal_of(word); !why.empty()) return usage(std::move(why));
    if (word.size() > 1 && word.front() == '-') return unknown_option(app, word);
    options.targets.push_back(word);
  }
  if (app.count("--payload-file") > 0 && options.payload_file.empty()) {
    return usage("--payload-file: an empty file name is given; name a file");
  }
  if (app.count("--metadata") > 0 && options.metadata.empty()) {
    return usage("--metadata: an empty file name is given; name a file");
  }
  options.rate_given = app.count("--rate") > 0;
  if (auto taken = take_values(app, texts, options); !taken) return Failure{taken.error()};
  if (auto taken = take_outputs(app, texts, options); !taken) return Failure{taken.error()};
  options.banners.is_wanted = texts.banners.is_wanted;
  options.resets = texts.reset;
  if (auto fits = check_together(app, options); !fits) return Failure{fits.error()};
  if (auto taken = take_service_options(app, texts.services, options); !taken) {
    return Failure{taken.error()};
  }
  if (auto taken = take_os_options(app, texts.os, options); !taken) return Failure{taken.error()};
  if (auto taken = take_banner_options(app, texts.banners, options); !taken) {
    return Failure{taken.error()};
  }
  if (auto taken = take_os_hint_options(app, options); !taken) return Failure{taken.error()};
  if (auto fits = check_files(options); !fits) return Failure{fits.error()};
  return options;
}

}  // namespace trawl::control
