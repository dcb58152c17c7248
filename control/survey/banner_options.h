#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "control/survey/banner_payload.h"

namespace CLI {  // NOLINT(readability-identifier-naming): theirs.
class App;
}

namespace trawl::control {

struct SurveyOptions;

// What the polling cores say to open ports.
struct BannerOptions {
  bool is_wanted = false;
  ByteCount most_bytes{1024};  // Of a banner.
  std::vector<BannerPayload> payloads{};
};

// The words of the options below, before they are looked at.
struct BannerTexts {
  bool is_wanted = false;
  std::string most_bytes{};
  std::vector<std::string> payloads{};
};

// Adds --banners and what goes with it.
void add_banner_options(CLI::App& app, BannerTexts& texts);

// Takes the values over; after those of --service, and once all others are. Fails with Usage: bad
// values, options without --banners, and what cannot be together with it.
[[nodiscard]] Result<void> take_banner_options(const CLI::App& app, const BannerTexts& texts,
                                               SurveyOptions& options);

}  // namespace trawl::control
