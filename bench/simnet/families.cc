#include "bench/simnet/families.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "base/hash.h"

namespace trawl::simnet {
namespace {

using osfp::OptionLayout;
using osfp::Quirk;
using osfp::Signature;
using osfp::WindowRule;

constexpr std::uint16_t kMss4 = 1460;
constexpr std::uint16_t kMss6 = 1440;
constexpr std::uint16_t kStampBytes = 12;

class Options {
 public:
  explicit Options(StackStyle& out) noexcept : out_{out} {}
  // False when there is no room.
  bool add(std::initializer_list<unsigned> bytes) noexcept {
    for (const unsigned byte : bytes) {
      if (at_ == out_.options.size()) return false;
      out_.options[at_++] = static_cast<std::byte>(byte);
    }
    return true;
  }
  [[nodiscard]] std::uint8_t at() const noexcept { return static_cast<std::uint8_t>(at_); }

 private:
  StackStyle& out_;
  std::size_t at_ = 0;
};

bool add_option(Options& options, std::uint8_t kind, const Signature& signature,
                StackStyle& out) noexcept {
  const unsigned scale = signature.scale.value_or(0);
  switch (kind) {
    case OptionLayout::kNop: return options.add({kind});
    case OptionLayout::kMss:
      out.mss_at = static_cast<std::uint8_t>(options.at() + 2);
      return options.add({kind, 4, 0, 0});
    case OptionLayout::kSackPermitted: return options.add({kind, 2});
    case OptionLayout::kScale:
      out.scale_at = static_cast<std::uint8_t>(options.at() + 2);
      return options.add({kind, 3, scale});
    case OptionLayout::kTimestamps:
      out.stamp_at = static_cast<std::uint8_t>(options.at() + 2);
      return options.add({kind, 10, 0, 0, 0, 0, 0, 0, 0, 0});
    default: return options.add({kind, 2});
  }
}

// nullopt for what cannot be simulated.
std::optional<StackStyle> style_of(const Signature& signature) noexcept {
  osfp::Quirks ours;
  for (const Quirk quirk : {Quirk::DontFragment, Quirk::IdWithDf, Quirk::NoId, Quirk::FlowLabel}) {
    ours.add(quirk);
  }
  if (signature.quirks.without(ours) != osfp::Quirks{} || signature.ip_options_size != 0 ||
      signature.has_data.value_or(false) || (signature.mss && *signature.mss != kMss4)) {
    return std::nullopt;
  }
  StackStyle out;
  out.initial_ttl = signature.initial_ttl;
  out.window_rule = signature.window_rule;
  out.window = signature.window;
  out.is_scale_open = !signature.scale;
  out.has_df = signature.quirks.has(Quirk::DontFragment);
  out.has_id =
      out.has_df ? signature.quirks.has(Quirk::IdWithDf) : !signature.quirks.has(Quirk::NoId);
  out.has_flow_label = signature.quirks.has(Quirk::FlowLabel);
  Options options{out};
  for (const std::uint8_t kind : signature.layout.kinds()) {
    if (!add_option(options, kind, signature, out)) return std::nullopt;
  }
  const OptionLayout& layout = signature.layout;
  for (unsigned i = 0; layout.has_end() && i <= layout.padding(); ++i) {
    if (!options.add({OptionLayout::kEnd})) return std::nullopt;
  }
  out.options_size = options.at();
  if (out.options_size % 4 != 0) return std::nullopt;
  return out;
}

constexpr std::size_t stacks_at(Families::Syn syn, bool is_ipv6) noexcept {
  return (syn == Families::Syn::Full ? 0U : 2U) + (is_ipv6 ? 1U : 0U);
}

std::uint16_t window_of(const StackStyle& stack, std::uint16_t mss, bool is_ipv6,
                        std::uint64_t draw) noexcept {
  const std::uint32_t headers = is_ipv6 ? 60 : 40;
  const std::uint32_t segment = mss - (stack.stamp_at != 0 ? kStampBytes : 0U);
  const std::uint32_t number = stack.window;
  constexpr std::uint32_t kMost = 65535;
  constexpr std::uint32_t kLeast = 1024;
  std::uint32_t window = number;
  switch (stack.window_rule) {
    case WindowRule::Any:
      window = kLeast + static_cast<std::uint32_t>(draw % (kMost - kLeast));
      break;
    case WindowRule::Exact: break;
    case WindowRule::MultipleOf:
      window = number * (1 + static_cast<std::uint32_t>(draw % (kMost / number)));
      break;
    case WindowRule::TimesMss: window = number * mss; break;
    case WindowRule::TimesPacket: window = number * (mss + headers); break;
    case WindowRule::TimesSegment: window = number * segment; break;
    case WindowRule::SegmentsIn: window = number - number % segment; break;
  }
  return static_cast<std::uint16_t>(std::min(window, kMost));
}

}  // namespace

Result<Families> Families::read(const std::string& path, double forwarded) {
  auto file = osfp::SignatureFile::read(path);
  if (!file) return Failure{file.error()};
  Families families{*file, forwarded};
  if (families.empty()) {
    return fail(ExitCode::BadInput, fmt::format("{} has no signature that can be simulated", path));
  }
  return families;
}

Families::Families(const osfp::SignatureFile& file, double forwarded)
    : forwarded_{static_cast<std::uint64_t>(forwarded * 4294967296.0)} {
  for (const auto& entry : file.entries) {
    const auto style = style_of(entry.signature);
    if (!style) continue;
    const std::string& name = file.labels[entry.label].family;
    auto family = std::ranges::find(families_, name, &Family::name);
    if (family == families_.end()) {
      families_.push_back({.name = name, .stacks = {}});
      family = families_.end() - 1;
    }
    const Syn syn = entry.syn == dataplane::SynOptions::Linux ? Syn::Full : Syn::MssAlone;
    const std::uint8_t version = entry.signature.ip_version.value_or(0);
    if (version != 6) family->stacks[stacks_at(syn, false)].push_back(*style);
    if (version != 4) family->stacks[stacks_at(syn, true)].push_back(*style);
  }
}

bool Families::is_forwarded(std::uint64_t draw) const noexcept {
  constexpr std::uint64_t kSalt = 0xf0;
  return mix64(draw + kSalt) >> 32U < forwarded_;
}

// The draw of the machine that a port is on: the host's own, or that of the one behind it.
std::uint64_t Families::machine(std::uint64_t draw, std::uint16_t port) const noexcept {
  constexpr std::uint64_t kBehind = 0xbe;
  const bool is_behind = is_forwarded(draw) && (mix64(draw ^ port) & 1U) != 0;
  return mix64(draw + (is_behind ? kBehind : 0));
}

std::string_view Families::family(std::uint64_t draw, std::uint16_t port) const noexcept {
  return families_[machine(draw, port) % families_.size()].name;
}

StackReply Families::choose(std::uint64_t draw, std::uint16_t port, Syn syn,
                            bool is_ipv6) const noexcept {
  constexpr std::uint64_t kMostHops = 25;
  constexpr std::uint64_t kScales = 15;
  const std::uint64_t drawn = machine(draw, port);
  const auto& stacks = families_[drawn % families_.size()].stacks[stacks_at(syn, is_ipv6)];
  if (stacks.empty()) return {};
  const std::uint64_t traits = mix64(drawn);
  StackReply reply;
  reply.stack = &stacks[traits % stacks.size()];
  const std::uint64_t hops = 1 + (traits >> 8U) % kMostHops;
  reply.ttl = static_cast<std::uint8_t>(
      reply.stack->initial_ttl - std::min<std::uint64_t>(hops, reply.stack->initial_ttl - 1U));
  reply.mss = is_ipv6 ? kMss6 : kMss4;
  reply.window = window_of(*reply.stack, reply.mss, is_ipv6, traits >> 32U);
  reply.scale = reply.stack->is_scale_open
                    ? static_cast<std::uint8_t>((traits >> 24U) % kScales)
                    : static_cast<std::uint8_t>(reply.stack->options[reply.stack->scale_at]);
  return reply;
}

}  // namespace trawl::simnet
