#include "control/steward/probing_txt_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "control/steward/configuration.h"
#include "control/steward/contact.h"
#include "control/steward/probing_txt.h"

namespace trawl::control {
namespace {

// Half a year: RFC 9116 section 2.5.5 advises less than a year.
constexpr std::string_view kDefaultExpiry = "180d";
constexpr std::string_view kDefaultDescription =
    "Probes that find out which services answer, sent by the network scanner trawl.";

struct Texts {
  std::vector<std::string> contacts;
  std::string url, languages, expires{kDefaultExpiry}, description{kDefaultDescription};
};

Result<std::vector<std::string>> contacts_of(const std::vector<std::string>& texts) {
  std::vector<std::string> contacts;
  for (const std::string& text : texts) {
    auto contact = parse_contact(text, "--contact");
    if (!contact) return Failure{contact.error()};
    contacts.push_back(std::move(*contact));
  }
  if (!contacts.empty()) return contacts;
  auto configuration = load_configuration();
  if (!configuration) return Failure{configuration.error()};
  if (configuration->contact.empty()) {
    return fail(ExitCode::Usage,
                fmt::format("no contact is given; give --contact with an e-mail address or an "
                            "https:// page, or set contact in {}",
                            kConfigurationPath));
  }
  contacts.push_back(std::move(configuration->contact));
  return contacts;
}

Result<ProbingTxt> put_together(const Texts& texts) {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  ProbingTxt file;
  auto contacts = contacts_of(texts.contacts);
  if (!contacts) return Failure{contacts.error()};
  file.contacts = std::move(*contacts);
  if (!texts.url.empty()) {
    auto url = parse_probing_url(texts.url, "--url");
    if (!url) return Failure{url.error()};
    file.canonical = std::move(*url);
  }
  if (!texts.languages.empty()) {
    auto languages = parse_languages(texts.languages, "--preferred-languages");
    if (!languages) return Failure{languages.error()};
    file.languages = std::move(*languages);
  }
  const auto expires = parse_expiry(texts.expires, "--expires", now);
  if (!expires) return Failure{expires.error()};
  file.expires = *expires;
  auto description = parse_description(texts.description, "--description");
  if (!description) return Failure{description.error()};
  file.description = std::move(*description);
  return file;
}

void print_where_it_belongs(const ProbingTxt& file) {
  fmt::print(
      stderr,
      "\nServe this as text/plain at https://NAME{0} for each NAME that the reverse DNS gives "
      "for an\naddress you probe from, and at https://ADDRESS{0} where there is no name.\n",
      kProbingTxtPath);
  if (const std::string uri = file.uri(); !uri.empty()) {
    fmt::print(stderr,
               "Inside probes that have room for it, the probe description URI is {}, ended by a "
               "zero byte.\n",
               uri);
  }
  const auto now = std::chrono::system_clock::now();
  if (file.expires > now + std::chrono::days{366}) {
    fmt::print(stderr, "RFC 9116 advises to let it expire within a year.\n");
  }
}

}  // namespace

int probing_txt_main(std::span<const char* const> args) {
  CLI::App app{"Write a probe description file (RFC 9511): who sends your probes, and why.",
               "trawl probing-txt"};
  Texts texts;
  const auto add = [&app](const char* name, std::string& into, const char* help, const char* type) {
    return app.add_option(name, into, help)->type_name(type);
  };
  app.add_option("--contact", texts.contacts,
                 "E-mail address, https:// page or tel: number, the preferred\n"
                 "first; may be repeated (default: trawl.conf's)")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false)
      ->type_name("CONTACT");
  add("--url", texts.url, "The host that serves it, such as https://scan.example.net", "URL");
  add("--preferred-languages", texts.languages, "Languages you answer in, such as en,es", "LIST");
  add("--expires", texts.expires, "How long it holds: 90d, or until a day such as 2027-03-31",
      "TIME")
      ->capture_default_str();
  add("--description", texts.description, "One line that says what the probes are for", "TEXT");
  std::vector<std::string> words{args.begin(), args.end()};
  std::ranges::reverse(words);  // The order CLI11 wants.
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::Usage);
  }
  const auto file = put_together(texts);
  if (!file) {
    log_error("{}", file.error().message);
    return static_cast<int>(file.error().code);
  }
  const std::string text = file->to_text();
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    log_error("standard output cannot be written; choose another place to write to");
    return static_cast<int>(ExitCode::Output);
  }
  print_where_it_belongs(*file);
  return 0;
}

}  // namespace trawl::control
