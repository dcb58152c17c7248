#include "control/survey/checkpoint/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <utility>

#include "base/hash.h"

namespace trawl::control {
namespace {

using dataplane::kLanes;
using dataplane::Lane;

constexpr std::uint64_t kPlanOffset = kCheckpointPage;
constexpr std::size_t kLiveSize = 2 * kCheckpointPage;
constexpr std::size_t kSlotsSize = 2 * kCheckpointPage;
constexpr std::size_t kRingSize = kRingEntries * sizeof(RingEntry);
constexpr std::uint64_t kWindowEntries = 1U << 17U;  // One MiB of journal is mapped at a time.
constexpr std::size_t kWindowSize = kWindowEntries * sizeof(std::uint64_t);
constexpr std::uint64_t kLargestPlan = std::uint64_t{1} << 32U;

constexpr std::uint64_t page_up(std::uint64_t size) noexcept {
  return (size + kCheckpointPage - 1) / kCheckpointPage * kCheckpointPage;
}

template <typename T>
std::span<const char> bytes_of(const T& value, std::size_t size = sizeof(T)) noexcept {
  return {reinterpret_cast<const char*>(&value), size};
}

// The digest of everything before the member `digest`, which comes last.
template <typename T>
std::uint64_t own_digest(const T& value) noexcept {
  return digest_of(bytes_of(value, sizeof(T) - sizeof value.digest));
}

std::array<char, 64> boot_id() {
  std::array<char, 64> id{};
  std::ifstream file{"/proc/sys/kernel/random/boot_id"};
  std::string text;
  std::getline(file, text);
  std::copy_n(text.begin(), std::min(text.size(), id.size() - 1), id.begin());
  return id;
}

// The newer one of a pair of marks.
template <typename Mark>
const Mark& newest(const std::array<Mark, 2>& pair) noexcept {
  return pair[0].sequence >= pair[1].sequence ? pair[0] : pair[1];
}

// Replaces the older one; whole before it counts, whenever the process dies.
template <typename Mark>
void publish(std::array<Mark, 2>& pair, Mark mark) noexcept {
  Mark& older = pair[0].sequence < pair[1].sequence ? pair[0] : pair[1];
  mark.sequence = newest(pair).sequence + 1;
  const std::uint64_t sequence = std::exchange(mark.sequence, older.sequence);
  older = mark;
  std::atomic_ref<std::uint64_t>{older.sequence}.store(sequence, std::memory_order_release);
}

// A journal word: index, state and attempt, and ten bits that make a damaged one show.
constexpr unsigned kStateShift = 48;
constexpr unsigned kAttemptShift = 51;
constexpr unsigned kCheckShift = 54;
constexpr std::uint64_t kIndexMask = (std::uint64_t{1} << kStateShift) - 1;
constexpr unsigned kAnswer = 7;  // In place of a state.
static_assert(kPortStates <= kAnswer && kAnswer < 1U << (kAttemptShift - kStateShift));

std::uint64_t check_of(std::uint64_t word, std::uint64_t number) noexcept {
  return mix64(word ^ mix64(number + 1)) | 1U;  // Never zero, as a hole in the file is.
}

std::uint64_t pack(const JournalEntry& entry, std::uint64_t number) noexcept {
  const unsigned state = entry.is_answer ? kAnswer : static_cast<unsigned>(entry.state);
  const std::uint64_t word = entry.index | std::uint64_t{state} << kStateShift |
                             std::uint64_t{entry.attempt} << kAttemptShift;
  return word | check_of(word, number) << kCheckShift;
}

std::optional<JournalEntry> unpack(std::uint64_t packed, std::uint64_t number) noexcept {
  const std::uint64_t word = packed & ((std::uint64_t{1} << kCheckShift) - 1);
  if (packed >> kCheckShift != (check_of(word, number) << kCheckShift) >> kCheckShift) {
    return std::nullopt;
  }
  const auto state = static_cast<unsigned>(word >> kStateShift & 7U);
  const auto attempt = static_cast<std::uint8_t>(word >> kAttemptShift & 7U);
  if (state == kAnswer) {
    return JournalEntry{.index = word & kIndexMask,
                        .state = PortState::Open,
                        .attempt = attempt,
                        .is_answer = true};
  }
  if (state >= kPortStates) return std::nullopt;
  return JournalEntry{word & kIndexMask, static_cast<PortState>(state), attempt};
}

// Disjoint ranges in rising order.
bool is_sound(const DamageMark& damage) noexcept {
  if (damage.count > DamageMark::kMost) return false;
  std::uint64_t least = 0;
  for (std::size_t i = 0; i < damage.count; ++i) {
    const auto [first, last] = damage.ranges[i];
    if (first < least || first >= last) return false;
    least = last;
  }
  return true;
}

Failure damaged(const std::string& path, std::string_view what) {
  return fail(ExitCode::BadInput,
              fmt::format("{}: this checkpoint {}; it cannot be resumed", path, what));
}

}  // namespace

Result<std::unique_ptr<Checkpoint>> Checkpoint::create(const std::string& path,
                                                       const CheckpointPlan& plan) {
  auto file = MappedFile::create(path);
  if (!file) return Failure{file.error()};
  const std::string section = serialise(plan);
  CheckpointHeader header{.magic = kCheckpointMagic,
                          .version = kCheckpointVersion,
                          .size = sizeof(CheckpointHeader),
                          .plan_size = section.size(),
                          .plan_digest = digest_of(section)};
  header.live_offset = kPlanOffset + page_up(section.size());
  header.ring_offset = header.live_offset + kLiveSize + kSlotsSize;
  header.journal_offset = header.ring_offset + kRingSize;
  header.digest = own_digest(header);
  std::unique_ptr<Checkpoint> made{new Checkpoint{std::move(*file)}};
  made->plan_ = plan;
  auto done = made->file_.allocate(header.journal_offset + kWindowSize);
  if (done) done = made->file_.write(kPlanOffset, section);
  if (done) done = made->attach(header);
  if (!done) {
    (void)std::remove(path.c_str());
    return Failure{done.error()};
  }
  made->live_->boot_id = boot_id();
  // The header last: without it the file is no checkpoint.
  if (auto written = made->file_.write(0, bytes_of(header)); !written) {
    return Failure{written.error()};
  }
  return made;
}

Result<std::unique_ptr<Checkpoint>> Checkpoint::open(const std::string& path) {
  auto file = MappedFile::open(path);
  if (!file) return Failure{file.error()};
  CheckpointHeader header;
  std::array<char, sizeof header> bytes{};
  if (!file->read(0, bytes)) return damaged(path, "is too short to be one");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != kCheckpointMagic) return damaged(path, "is not a checkpoint of trawl");
  if (header.version != kCheckpointVersion || header.size != sizeof header) {
    return damaged(path, fmt::format("is of version {}, and this trawl writes version {}",
                                     header.version, kCheckpointVersion));
  }
  const bool fits = header.plan_size <= kLargestPlan &&
                    header.live_offset == kPlanOffset + page_up(header.plan_size) &&
                    header.ring_offset == header.live_offset + kLiveSize + kSlotsSize &&
                    header.journal_offset == header.ring_offset + kRingSize &&
                    file->size() >= header.journal_offset + kWindowSize;
  if (header.digest != own_digest(header) || !fits) {
    return damaged(path, "was cut short or changed");
  }
  std::string section(header.plan_size, '\0');
  if (!file->read(kPlanOffset, section) || digest_of(section) != header.plan_digest) {
    return damaged(path, "was changed: its plan is not the one that was written");
  }
  auto plan = parse_checkpoint_plan(section, path);
  if (!plan) return Failure{plan.error()};
  std::unique_ptr<Checkpoint> opened{new Checkpoint{std::move(*file)}};
  opened->plan_ = std::move(*plan);
  if (auto done = opened->attach(header); !done) return Failure{done.error()};
  if (auto done = opened->restore(); !done) return Failure{done.error()};
  return opened;
}

Result<void> Checkpoint::attach(const CheckpointHeader& header) {
  header_ = header;
  auto fixed = file_.map(header.live_offset, kLiveSize + kSlotsSize + kRingSize);
  if (!fixed) return Failure{fixed.error()};
  fixed_ = std::move(*fixed);
  live_ = reinterpret_cast<LiveState*>(fixed_.at());
  ring_ = reinterpret_cast<RingEntry*>(fixed_.at() + kLiveSize + kSlotsSize);
  journal_allocated_ = (file_.size() - header.journal_offset) / kWindowSize * kWindowEntries;
  return {};
}

Result<void> Checkpoint::restore() {
  restored_.after_power_failure = live_->boot_id != boot_id();
  if (!restored_.after_power_failure) {
    restore_live();
  } else if (!restore_slot()) {
    restored_ = Restored{};  // Nothing had reached the disk: from the start.
    restored_.after_power_failure = true;
  }
  if (restored_.journal > journal_allocated_ || restored_.outputs.journal > restored_.journal ||
      restored_.sweep_journal > restored_.journal ||
      restored_.journal - restored_.outputs.journal > kRingEntries ||
      restored_.outputs.count > kMostOutputs || !is_sound(restored_.damage)) {
    return damaged(path(), "was changed: its counts contradict each other");
  }
  // From here on the live state is that of this process; its boot id last, since a process that
  // dies before it must find what this one found.
  live_->finished.store(restored_.finished ? 1 : 0);
  live_->journal.store(restored_.journal);
  live_->sweep_journal[restored_.sweep % 2] = restored_.sweep_journal;
  live_->sweep.store(restored_.sweep);
  publish(live_->outputs, restored_.outputs);
  SettledMark settled{.sequence = 0, .sweep = restored_.sweep, .lanes = restored_.lanes};
  publish(live_->settled, settled);
  publish(live_->totals, restored_.totals);
  publish(live_->damage, restored_.damage);
  std::atomic_signal_fence(std::memory_order_release);
  live_->boot_id = boot_id();
  return {};
}

void Checkpoint::restore_live() {
  restored_.finished = live_->finished.load() != 0;
  restored_.sweep = live_->sweep.load();
  restored_.sweep_journal = live_->sweep_journal[restored_.sweep % 2];
  restored_.journal = live_->journal.load();
  restored_.outputs = newest(live_->outputs);
  restored_.totals = newest(live_->totals);
  restored_.damage = newest(live_->damage);
  const SettledMark& settled = newest(live_->settled);
  const dataplane::Lanes& lanes = live_->lanes[restored_.sweep % 2];
  for (unsigned i = 0; i < kLanes; ++i) {
    const std::uint64_t sent = lanes[i].sent.load();
    restored_.lanes[i] = settled.sweep == restored_.sweep ? std::min(settled.lanes[i], sent) : 0;
  }
}

bool Checkpoint::restore_slot() {
  Slot best;
  for (unsigned i = 0; i < 2; ++i) {
    Slot slot;
    std::memcpy(&slot, fixed_.at() + kLiveSize + i * kCheckpointPage, sizeof slot);
    if (slot.digest != own_digest(slot) || slot.sequence <= best.sequence) continue;
    best = slot;
  }
  if (best.sequence == 0) return false;
  slot_sequence_ = best.sequence;
  restored_.finished = best.finished != 0;
  restored_.sweep = best.sweep;
  restored_.sweep_journal = best.sweep_journal;
  restored_.journal = best.outputs.journal;
  restored_.outputs = best.outputs;
  restored_.totals = best.totals;
  restored_.damage = best.damage;
  if (best.settled.sweep == best.sweep) restored_.lanes = best.settled.lanes;
  return true;
}

// The word of an entry, in a window that is moved as needed.
Result<std::uint64_t*> Checkpoint::journal_word(std::uint64_t number) {
  const std::uint64_t offset = header_.journal_offset + number * sizeof(std::uint64_t);
  if (!journal_.holds(offset)) {
    const std::uint64_t start = number / kWindowEntries * kWindowSize;
    auto window = file_.map(header_.journal_offset + start, kWindowSize);
    if (!window) return Failure{window.error()};
    journal_ = std::move(*window);
  }
  return reinterpret_cast<std::uint64_t*>(journal_.at(offset));
}

Result<JournalEntry> Checkpoint::entry(std::uint64_t number) {
  const auto word = journal_word(number);
  if (!word) return Failure{word.error()};
  const auto entry = unpack(**word, number);
  if (!entry) return damaged(path(), fmt::format("is damaged at entry {} of its journal", number));
  return *entry;
}

Verdict Checkpoint::unwritten(std::uint64_t number) const {
  const RingEntry& entry = ring_[number % kRingEntries];
  Verdict verdict;
  verdict.time = std::chrono::system_clock::time_point{std::chrono::microseconds{entry.time_us}};
  verdict.ip = entry.ip;
  verdict.port = entry.port;
  verdict.protocol = static_cast<Protocol>(std::min<unsigned>(entry.protocol, kProtocols - 1));
  verdict.state = static_cast<PortState>(std::min<unsigned>(entry.state, kPortStates - 1));
  verdict.reason = static_cast<Reason>(std::min<unsigned>(entry.reason, kReasons - 1));
  verdict.ttl = entry.ttl;
  if (entry.rtt_us != ~std::uint32_t{0}) verdict.rtt_us = entry.rtt_us;
  verdict.attempt = entry.attempt;
  verdict.from = entry.from;
  verdict.to = entry.to;
  verdict.to_port = entry.to_port;
  verdict.repeat = (entry.flags & 1U) != 0;
  verdict.cooldown = (entry.flags & 2U) != 0;
  return verdict;
}

std::optional<Checkpoint::UnwrittenHint> Checkpoint::unwritten_hint(std::uint64_t number) const {
  const RingEntry& entry = ring_[number % kRingEntries];
  if (entry.has_name == 0) return std::nullopt;
  return UnwrittenHint{.number = entry.name,
                       .digest = entry.name_digest,
                       .confidence = entry.confidence,
                       .hops = entry.hops};
}

// The new sweep's lanes are cleared before they become the present ones.
dataplane::Lanes& Checkpoint::begin_sweep(std::uint64_t number) {
  dataplane::Lanes& lanes = live_->lanes[number % 2];
  for (Lane& lane : lanes) {
    lane.taken.store(0, std::memory_order_relaxed);
    lane.sent.store(0, std::memory_order_relaxed);
  }
  live_->sweep_journal[number % 2] = live_->journal.load(std::memory_order_relaxed);
  live_->sweep.store(number, std::memory_order_release);
  return lanes;
}

dataplane::Lanes& Checkpoint::continue_sweep() {
  dataplane::Lanes& lanes = live_->lanes[restored_.sweep % 2];
  for (unsigned i = 0; i < kLanes; ++i) {
    lanes[i].sent.store(restored_.lanes[i], std::memory_order_relaxed);
    lanes[i].taken.store(restored_.lanes[i], std::memory_order_release);
  }
  return lanes;
}

// The ring first, then the journal, then its count: whatever is counted is there.
Result<void> Checkpoint::record(const JournalEntry& entry, const Verdict& verdict) {
  const std::uint64_t number = live_->journal.load(std::memory_order_relaxed);
  const auto micros =
      std::chrono::duration_cast<std::chrono::microseconds>(verdict.time.time_since_epoch());
  ring_[number % kRingEntries] = RingEntry{
      .time_us = micros.count(),
      .ip = verdict.ip,
      .from = verdict.from,
      .to = verdict.to,
      .rtt_us = verdict.rtt_us.value_or(~std::uint32_t{0}),
      .port = verdict.port,
      .to_port = verdict.to_port,
      .state = static_cast<std::uint8_t>(verdict.state),
      .reason = static_cast<std::uint8_t>(verdict.reason),
      .ttl = verdict.ttl,
      .attempt = verdict.attempt,
      .flags = static_cast<std::uint8_t>((verdict.repeat ? 1U : 0U) | (verdict.cooldown ? 2U : 0U)),
      .protocol = static_cast<std::uint8_t>(verdict.protocol),
      .confidence = verdict.system.confidence,
      .hops = verdict.system.hops,
      .name_digest = verdict.system.name != nullptr ? verdict.system.name->digest : 0,
      .name = verdict.system.name != nullptr ? verdict.system.name->number : std::uint16_t{0},
      .has_name = std::uint16_t{verdict.system.name != nullptr}};
  return append(entry);
}

Result<void> Checkpoint::record_answer(std::uint64_t index) {
  return append({.index = index, .is_answer = true});
}

Result<void> Checkpoint::append(const JournalEntry& entry) {
  const std::uint64_t number = live_->journal.load(std::memory_order_relaxed);
  const Result<void> grown = keep_ahead(number);
  if (number >= journal_allocated_) return grown;
  const auto word = journal_word(number);
  if (!word) return Failure{word.error()};
  **word = pack(entry, number);
  live_->journal.store(number + 1, std::memory_order_release);
  return grown;
}

// Most of a window ahead, so that a full disk leaves room for what is on its way; it is told once.
Result<void> Checkpoint::keep_ahead(std::uint64_t number) {
  if (number + kWindowEntries / 4 * 3 < journal_allocated_) return {};
  if (out_of_space_ && number < journal_allocated_) return {};
  const std::uint64_t now = header_.journal_offset + journal_allocated_ * sizeof(std::uint64_t);
  auto grown = file_.allocate(now + kWindowSize);
  if (grown) journal_allocated_ += kWindowEntries;
  out_of_space_ = !grown;
  return grown;
}

bool Checkpoint::wants_flush() const noexcept {
  return live_->journal.load(std::memory_order_relaxed) - newest(live_->outputs).journal >=
         kRingEntries / 4;
}

void Checkpoint::mark_outputs(std::span<const OutputMark::Place> outputs) {
  OutputMark mark{.journal = live_->journal.load(),
                  .count = std::min(outputs.size(), kMostOutputs)};
  std::copy_n(outputs.begin(), mark.count, mark.outputs.begin());
  publish(live_->outputs, mark);
}

void Checkpoint::mark_capture(std::size_t number, OutputMark::Place place) {
  OutputMark mark = newest(live_->outputs);
  if (number >= mark.count) return;
  mark.outputs[number] = place;
  publish(live_->outputs, mark);
}

void Checkpoint::mark_settled(const std::array<std::uint64_t, kLanes>& lanes) {
  publish(live_->settled, SettledMark{.sweep = live_->sweep.load(), .lanes = lanes});
}

void Checkpoint::mark_totals(TotalsMark totals) { publish(live_->totals, totals); }

void Checkpoint::mark_damage(const DamageMark& damage) { publish(live_->damage, damage); }

void Checkpoint::mark_finished() { live_->finished.store(1); }

Slot Checkpoint::snapshot() const {
  const std::uint64_t sweep = live_->sweep.load();
  return Slot{.sweep = sweep,
              .sweep_journal = live_->sweep_journal[sweep % 2],
              .finished = live_->finished.load(),
              .outputs = newest(live_->outputs),
              .settled = newest(live_->settled),
              .totals = newest(live_->totals),
              .damage = newest(live_->damage)};
}

Result<void> Checkpoint::write_slot(Slot slot) {
  if (auto synced = file_.sync(); !synced) return synced;
  slot.sequence = ++slot_sequence_;
  slot.digest = own_digest(slot);
  const std::uint64_t at = header_.live_offset + kLiveSize + slot.sequence % 2 * kCheckpointPage;
  if (auto written = file_.write(at, bytes_of(slot)); !written) return written;
  return file_.sync();
}

}  // namespace trawl::control
