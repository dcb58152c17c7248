#include "control/steward/configuration.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>

#include "control/steward/address_list.h"
#include "control/steward/contact.h"
#include "control/survey/special_purpose.h"
#include "control/survey/target_spec.h"
#include "control/survey/text.h"

namespace trawl::control {
namespace {

constexpr std::size_t kLargestFile = std::size_t{1} << 20U;  // Bytes.

constexpr std::array<std::string_view, 6> kKeys{"contact", "max-rate",      "blocklist",
                                                "opt-out", "allow-special", "audit-scope"};

bool is_blank(char c) noexcept { return c == ' ' || c == '\t' || c == '\r'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// The line up to a "#" that starts a comment. "https://example.net/#scans" has none.
std::string_view without_comment(std::string_view line) {
  for (std::size_t at = line.find('#'); at != std::string_view::npos; at = line.find('#', at + 1)) {
    if (at == 0 || is_blank(line[at - 1])) return line.substr(0, at);
  }
  return line;
}

// Takes the lines one by one.
class Parser {
 public:
  explicit Parser(std::string_view name) : name_{name} {}

  Result<void> take_line(std::string_view line) {
    ++line_;
    for (const char c : line) {
      const auto byte = static_cast<unsigned char>(c);
      if ((byte < 0x20 && !is_blank(c)) || byte == 0x7f) {
        return bad(fmt::format("the byte 0x{:02x} is not text", byte));
      }
    }
    line = trimmed(without_comment(line));
    if (line.empty()) return {};
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) {
      return bad(fmt::format("{} is not of the form key = value", quote(line)));
    }
    const std::string_view key = trimmed(line.substr(0, equals));
    const std::string_view value = trimmed(line.substr(equals + 1));
    if (std::ranges::find(kKeys, key) == kKeys.end()) {
      return bad(fmt::format("there is no key {}{}; see trawl.conf(5)", quote(key),
                             did_you_mean(key, kKeys)));
    }
    if (value.empty()) return bad(fmt::format("{} has no value; give one or take it out", key));
    return take(key, value);
  }

  Configuration done() { return std::move(configuration_); }

 private:
  [[nodiscard]] std::string place() const { return fmt::format("{}:{}", name_, line_); }
  [[nodiscard]] Failure bad(std::string_view what) const {
    return fail(ExitCode::BadInput, fmt::format("{}: {}", place(), what));
  }

  Result<void> take(std::string_view key, std::string_view value) {
    if (key == "contact") return take_contact(value);
    if (key == "max-rate") return take_max_rate(value);
    if (key == "allow-special") return take_allow_special(value);
    if (key == "audit-scope") return take_audit_scope(value);
    if (value.front() != '/') {
      return bad(fmt::format("{}: {} is not an absolute path; start it with /", key, quote(value)));
    }
    (key == "blocklist" ? configuration_.blocklists : configuration_.opt_outs).emplace_back(value);
    return {};
  }

  Result<void> once(std::string_view key) {
    const auto [first, is_new] = seen_.try_emplace(key, line_);
    if (is_new) return {};
    return bad(fmt::format("{} is already given on line {}; keep one of them", key, first->second));
  }

  Result<void> take_contact(std::string_view value) {
    if (auto first = once("contact"); !first) return first;
    auto contact = parse_contact(value, place() + ": contact");
    if (!contact) return fail(ExitCode::BadInput, contact.error().message);
    configuration_.contact = std::move(*contact);
    return {};
  }

  Result<void> take_max_rate(std::string_view value) {
    if (auto first = once("max-rate"); !first) return first;
    const auto rate = RateSpec::parse(value, place() + ": max-rate");
    if (!rate) return fail(ExitCode::BadInput, rate.error().message);
    if (rate->is_unlimited()) {
      return bad("max-rate: \"max\" is no limit; give a rate such as 50k, or take the line out");
    }
    configuration_.max_rate = Configuration::MaxRate{*rate, std::string{value}, place()};
    return {};
  }

  Result<void> take_allow_special(std::string_view value) {
    AddressList allowed;
    if (auto parsed = parse_targets(value, place() + ": allow-special", allowed.v4, allowed.v6);
        !parsed) {
      return parsed;
    }
    allowed.v4.subtract(special_purpose_addresses());
    allowed.v6.subtract(special_purpose_ipv6_addresses());
    if (!allowed.v4.empty() || !allowed.v6.empty()) {
      const std::string outside = allowed.v4.empty() ? allowed.v6.intervals()[0].first.to_string()
                                                     : allowed.v4.intervals()[0].first.to_string();
      return bad(
          fmt::format("allow-special: {} reaches outside special-purpose space (it holds "
                      "{}); name a special-purpose prefix such as 198.18.0.0/15",
                      quote(value), outside));
    }
    configuration_.allow_special.emplace_back(value);
    return {};
  }

  Result<void> take_audit_scope(std::string_view value) {
    AddressList allowed;
    if (auto parsed = parse_address_list(value, place() + ": audit-scope", allowed); !parsed) {
      return parsed;
    }
    configuration_.audit_scope.emplace_back(value);
    return {};
  }

  std::string_view name_;
  std::uint64_t line_ = 0;
  std::map<std::string_view, std::uint64_t> seen_;
  Configuration configuration_;
};

Failure not_root_only(std::string_view path, std::string_view why) {
  return fail(ExitCode::BadInput,
              fmt::format("{}: {}, so the limits in it would bind nobody; make it root's with "
                          "chown root and chmod go-w",
                          path, why));
}

// The directory matters too: who may write in it may take the file away.
Result<void> check_trust(const std::string& path) {
  const std::filesystem::path directory = std::filesystem::path{path}.parent_path();
  for (const std::string& each : {directory.string(), path}) {
    struct stat status {};
    if (::stat(each.c_str(), &status) != 0) {
      return fail(ExitCode::BadInput, fmt::format("{}: cannot be read: {}; check its permissions",
                                                  each, std::strerror(errno)));
    }
    if (const auto why = why_not_trusted(status.st_uid, status.st_mode)) {
      return not_root_only(each, *why);
    }
  }
  return {};
}

}  // namespace

Result<Configuration> parse_configuration(std::string_view content, std::string_view name) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  if (content.starts_with(kMark)) content.remove_prefix(kMark.size());
  Parser parser{name};
  while (!content.empty()) {
    const std::size_t end = content.find('\n');
    if (auto taken = parser.take_line(content.substr(0, end)); !taken) {
      return Failure{taken.error()};
    }
    content.remove_prefix(end == std::string_view::npos ? content.size() : end + 1);
  }
  return parser.done();
}

std::optional<std::string> why_not_trusted(uid_t owner, mode_t mode) {
  if (owner != 0) return fmt::format("is owned by user {} and not by root", owner);
  if ((mode & (S_IWGRP | S_IWOTH)) != 0) return "can be written by others than root";
  return std::nullopt;
}

ConfigurationSource find_configuration(const std::string& system_path, const char* variable) {
  struct stat status {};
  const bool absent =
      ::lstat(system_path.c_str(), &status) != 0 && (errno == ENOENT || errno == ENOTDIR);
  if (!absent) return {.path = system_path, .trust = ConfigurationSource::Trust::RootOnly};
  if (variable == nullptr || *variable == '\0') return {};
  return {.path = variable, .trust = ConfigurationSource::Trust::Anyone};
}

Result<Configuration> read_configuration(const ConfigurationSource& source) {
  if (source.path.empty()) return Configuration{};
  if (source.trust == ConfigurationSource::Trust::RootOnly) {
    if (auto trusted = check_trust(source.path); !trusted) return Failure{trusted.error()};
  }
  const auto content = read_whole_file(source.path, kLargestFile);
  if (!content) return Failure{content.error()};
  return parse_configuration(*content, source.path);
}

Result<Configuration> load_configuration() {
  return read_configuration(
      find_configuration(kConfigurationPath, ::secure_getenv(kConfigurationVariable)));
}

}  // namespace trawl::control
