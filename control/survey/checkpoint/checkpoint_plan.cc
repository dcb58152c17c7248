#include "control/survey/checkpoint/checkpoint_plan.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <optional>
#include <type_traits>

#include "base/hash.h"

namespace trawl::control {
namespace {

static_assert(std::endian::native == std::endian::little);

template <typename T>
void put(std::string& bytes, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Reads from the front of a section; once something was missing, everything is.
class SectionReader {
 public:
  explicit SectionReader(std::span<const char> bytes) : bytes_{bytes} {}

  template <typename T>
  T take() {
    T value{};
    if (sizeof value > bytes_.size()) {
      failed_ = true;
      return value;
    }
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_ = bytes_.subspan(sizeof value);
    return value;
  }
  // A count of things of `size` bytes each, which must be there.
  std::uint64_t take_count(std::size_t size) {
    const auto count = take<std::uint64_t>();
    if (count > bytes_.size() / size) failed_ = true;
    return failed_ ? 0 : count;
  }
  std::string take_text(std::uint64_t size) {
    if (size > bytes_.size()) failed_ = true;
    if (failed_) return {};
    std::string text{bytes_.data(), size};
    bytes_ = bytes_.subspan(size);
    return text;
  }
  [[nodiscard]] bool is_whole() const { return !failed_ && bytes_.empty(); }

 private:
  std::span<const char> bytes_;
  bool failed_ = false;
};

template <typename Address>
void put_intervals(std::string& bytes, const std::vector<Interval<Address>>& intervals) {
  put(bytes, std::uint64_t{intervals.size()});
  for (const auto& [first, last] : intervals) {
    put(bytes, first.value());
    put(bytes, last.value());
  }
}

// nullopt unless sorted and disjoint.
template <typename Address>
std::optional<std::vector<Interval<Address>>> take_intervals(SectionReader& reader) {
  using Value = typename Address::Value;
  const std::uint64_t count = reader.take_count(2 * sizeof(Value));
  std::vector<Interval<Address>> intervals;
  intervals.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const Address first{reader.take<Value>()};
    const Address last{reader.take<Value>()};
    const bool behind = intervals.empty() || first > intervals.back().last;
    if (!behind || last < first) return std::nullopt;
    intervals.push_back({first, last});
  }
  return intervals;
}

}  // namespace

std::uint64_t digest_of(std::span<const char> bytes) noexcept {
  std::uint64_t digest = mix64(bytes.size());
  while (!bytes.empty()) {
    std::uint64_t word = 0;
    const std::size_t size = std::min(sizeof word, bytes.size());
    std::memcpy(&word, bytes.data(), size);
    digest = mix64(digest ^ word);
    bytes = bytes.subspan(size);
  }
  return digest;
}

std::string serialise(const CheckpointPlan& plan) {
  std::string bytes;
  put(bytes, std::uint64_t{plan.command_line.size()});
  for (const std::string& word : plan.command_line) {
    put(bytes, std::uint64_t{word.size()});
    bytes += word;
  }
  put(bytes, plan.seed);
  const auto since_epoch = plan.started.time_since_epoch();
  put(bytes,
      std::int64_t{std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count()});
  put(bytes, std::uint64_t{plan.ports.size()});
  for (const std::uint16_t port : plan.ports) put(bytes, port);
  put_intervals(bytes, plan.addresses);
  put_intervals(bytes, plan.blocked);
  put_intervals(bytes, plan.addresses6);
  put_intervals(bytes, plan.blocked6);
  return bytes;
}

Result<CheckpointPlan> parse_checkpoint_plan(std::span<const char> section,
                                             const std::string& file) {
  SectionReader reader{section};
  CheckpointPlan plan;
  const std::uint64_t words = reader.take_count(sizeof(std::uint64_t));
  for (std::uint64_t i = 0; i < words; ++i) {
    plan.command_line.push_back(reader.take_text(reader.take<std::uint64_t>()));
  }
  plan.seed = reader.take<Uint128>();
  // In range: what adds up to no date is refused below by the digest, or does no harm.
  const auto micros = reader.take<std::int64_t>() % std::int64_t{4'000'000'000'000'000};
  plan.started = std::chrono::system_clock::time_point{std::chrono::microseconds{micros}};
  const std::uint64_t ports = reader.take_count(sizeof(std::uint16_t));
  bool sorted = ports > 0;
  for (std::uint64_t i = 0; i < ports; ++i) {
    const auto port = reader.take<std::uint16_t>();
    sorted = sorted && (plan.ports.empty() || port > plan.ports.back());
    plan.ports.push_back(port);
  }
  auto addresses = take_intervals<Ipv4Address>(reader);
  auto blocked = take_intervals<Ipv4Address>(reader);
  auto addresses6 = take_intervals<Ipv6Address>(reader);
  auto blocked6 = take_intervals<Ipv6Address>(reader);
  const bool all = addresses && blocked && addresses6 && blocked6;
  if (!sorted || !all || addresses->empty() == addresses6->empty() || !reader.is_whole()) {
    return fail(
        ExitCode::BadInput,
        fmt::format("{}: the plan in this checkpoint is damaged; it cannot be resumed", file));
  }
  plan.addresses = std::move(*addresses);
  plan.blocked = std::move(*blocked);
  plan.addresses6 = std::move(*addresses6);
  plan.blocked6 = std::move(*blocked6);
  return plan;
}

}  // namespace trawl::control
