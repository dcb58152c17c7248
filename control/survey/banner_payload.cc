#include "control/survey/banner_payload.h"

#include <fmt/format.h>

#include <fstream>
#include <utility>

#include "control/banners/banner_questions.h"
#include "control/survey/port_spec.h"
#include "control/survey/text.h"

namespace trawl::control {
namespace {

constexpr std::string_view kOption = "--banner-payload";
constexpr std::size_t kMost = dataplane::ConversationPlan::kMostPayload;

}  // namespace

Result<BannerPayload> BannerPayload::parse(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals + 1 == text.size()) {
    return fail(ExitCode::Usage, fmt::format("{}: {} is not PORTS=FILE, such as 8080=hello.bin",
                                             kOption, quote(std::string{text})));
  }
  auto ports = parse_ports(text.substr(0, equals), kOption);
  if (!ports) return Failure{ports.error()};
  return BannerPayload{.ports = std::move(*ports), .path = std::string{text.substr(equals + 1)}};
}

Result<OwnQuestion> BannerPayload::read() const {
  const auto broken = [this](std::string_view what) {
    return fail(ExitCode::BadInput, fmt::format("{} {}: {}", kOption, quote(path), what));
  };
  std::ifstream file{path, std::ios::binary};
  std::string content(kMost + 1, '\0');
  if (file) file.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (!file.is_open() || file.bad()) return broken("cannot be read; name a file that is there");
  content.resize(static_cast<std::size_t>(file.gcount()));
  if (content.empty()) return broken("is empty; there is nothing to say");
  if (content.size() > kMost) return broken(fmt::format("has more than {} bytes", kMost));
  return OwnQuestion{.ports = ports, .name = path, .bytes = std::move(content)};
}

}  // namespace trawl::control
