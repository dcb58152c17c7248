#pragma once

#include <string>
#include <vector>

#include "control/survey/banner_options.h"
#include "control/survey/os_hint_options.h"
#include "control/survey/os_options.h"
#include "control/survey/service_options.h"
#include "control/survey/survey_options.h"

namespace trawl::control {

// Option values as text, before they are looked at one by one.
struct SurveyTexts {
  std::string ttl, syn_options, vlan, probe, ports, max_targets, rate, source_ip, source_ports,
      gateway, gateway_mac, lcores, seed, tap;
  std::string cooldown, max_runtime, format, states, filter, contact;
  std::vector<std::string> outputs, fields;
  std::string network_rate, shard, probes, retries, retry_delay, memory;
  ServiceTexts services;
  OsTexts os;
  BannerTexts banners;
  bool reset = false;
};

// Adds every option of `trawl survey`; what needs no parsing goes to `options` at once.
void add_survey_options(CLI::App& app, SurveyOptions& options, SurveyTexts& texts);

// --help.
[[nodiscard]] std::string help_of(const CLI::App& app);

}  // namespace trawl::control
