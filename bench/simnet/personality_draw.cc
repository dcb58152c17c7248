#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "bench/simnet/draw_value.h"
#include "bench/simnet/personality.h"

namespace trawl::simnet {
namespace {

using namespace osfp;
using enum FingerprintTest;
using Line = FingerprintLine;

constexpr FingerprintTest kSeqOptions[] = {O1, O2, O3, O4, O5, O6};
constexpr unsigned kMostTries = 64;

// What TS is measured as, by the options of the answers to SEQ probes.
enum class Stamps : std::uint8_t { None, Zero, Ticking };

class Drawer {
 public:
  Drawer(const OsDatabase& database, const OsEntry& entry, std::uint64_t draw) noexcept
      : database_{database}, entry_{entry}, draw_{draw} {}

  void draw_all();
  [[nodiscard]] const TestExpression* find(Line line, FingerprintTest test) const noexcept {
    return database_.find(entry_, line, test);
  }
  [[nodiscard]] Fingerprint take() noexcept { return std::move(out_); }

 private:
  [[nodiscard]] std::uint64_t salted(Line line, FingerprintTest test) const noexcept {
    return mix64(draw_ ^ (place_of(line, test).value_or(0) + 1));
  }
  void draw_one(Line line, FingerprintTest test, std::uint64_t salt);
  void draw_ttl(Line line);
  void draw_stamps();
  void draw_first_answer();
  [[nodiscard]] std::optional<Stamps> drawn_stamps() const;

  const OsDatabase& database_;
  const OsEntry& entry_;
  std::uint64_t draw_;
  Fingerprint out_;
};

void Drawer::draw_one(Line line, FingerprintTest test, std::uint64_t salt) {
  const TestExpression* const wish = find(line, test);
  if (wish == nullptr) return;
  Drawing drawing{salted(line, test) ^ salt};
  out_.set(line, test, draw_value(*wish, drawing));
}

// One machine has one initial TTL for packets of one kind: lines with the same expression get the
// same.
void Drawer::draw_ttl(Line line) {
  const TestExpression* const real = find(line, T);
  const TestExpression* const guess = find(line, TG);
  constexpr std::uint64_t kMost = 255;
  std::uint64_t limit = kMost;
  if (guess != nullptr) {
    Drawing drawing{draw_ ^ hash_text(guess->text())};
    std::string text = draw_value(*guess, drawing);
    limit = std::min(kMost, hexadecimal(text).value_or(kMost));
    out_.set(line, TG, std::move(text));
  }
  if (real == nullptr) return;
  Drawing drawing{draw_ ^ hash_text(real->text())};
  std::string text;
  for (unsigned tries = 0; tries < kMostTries; ++tries) {
    text = draw_value(*real, drawing);
    if (hexadecimal(text).value_or(0) <= limit) break;
  }
  out_.set(line, T, std::move(text));
}

// nullopt when no answer to a SEQ probe tells.
std::optional<Stamps> Drawer::drawn_stamps() const {
  std::optional<Stamps> stamps;
  for (const FingerprintTest test : kSeqOptions) {
    const std::string* const options = out_.find(Line::Ops, test);
    if (options == nullptr) continue;
    const std::size_t at = options->find('T');
    if (at == std::string::npos) return Stamps::None;
    const bool is_zero = at + 1 < options->size() && (*options)[at + 1] == '0';
    if (is_zero) stamps = Stamps::Zero;
    if (!stamps) stamps = Stamps::Ticking;
  }
  return stamps;
}

// Draws TS, and options until they go with it.
void Drawer::draw_stamps() {
  for (unsigned tries = 0; tries < kMostTries; ++tries) {
    draw_one(Line::Seq, TS, tries);
    for (const FingerprintTest test : kSeqOptions) draw_one(Line::Ops, test, tries);
    const std::string* const wish = out_.find(Line::Seq, TS);
    const auto drawn = drawn_stamps();
    if (wish == nullptr || !drawn) return;
    const Stamps wished = *wish == "U"   ? Stamps::None
                          : *wish == "0" ? Stamps::Zero
                                         : Stamps::Ticking;
    if (*drawn == wished) return;
  }
}

// Where there are sequences of numbers, the first answer is a SYN-ACK with one, if it ever is.
void Drawer::draw_first_answer() {
  if (find(Line::Seq, SP) == nullptr && find(Line::Seq, TI) == nullptr) return;
  for (unsigned tries = 1; tries < kMostTries && out_.find(Line::T1, F) != nullptr; ++tries) {
    if (*out_.find(Line::T1, F) == "AS") break;
    draw_one(Line::T1, F, tries);
  }
  const TestExpression* const divisor = find(Line::Seq, GCD);
  if (divisor == nullptr || divisor->matches("0")) return;
  for (unsigned tries = 1; tries < kMostTries && out_.find(Line::T1, S) != nullptr; ++tries) {
    if (*out_.find(Line::T1, S) == "O") break;
    draw_one(Line::T1, S, tries);
  }
}

void Drawer::draw_all() {
  for (std::size_t i = 0; i < kFingerprintLines; ++i) {
    const Line line = line_at(i);
    bool has_any = false;
    for (const FingerprintTest test : tests_of(line)) {
      if (find(line, test) == nullptr) continue;
      has_any = true;
      const bool is_sequence = test == SP || test == GCD || test == ISR;
      if (!is_sequence && test != T && test != TG) draw_one(line, test, 0);
    }
    const bool has_ttl = find(line, T) != nullptr || find(line, TG) != nullptr;
    if (has_ttl) draw_ttl(line);
    // Many lines of answers do not say that there is one.
    const bool tells_answer = place_of(line, R).has_value();
    if (has_any && tells_answer && find(line, R) == nullptr) out_.set(line, R, "Y");
  }
  draw_stamps();
  draw_first_answer();
}

}  // namespace

DrawnValues draw_values(const OsDatabase& database, const OsEntry& entry, std::uint64_t draw) {
  Drawer drawer{database, entry, draw};
  drawer.draw_all();
  const IsnWishes wishes{.predictability = drawer.find(Line::Seq, SP),
                         .gcd = drawer.find(Line::Seq, GCD),
                         .rate = drawer.find(Line::Seq, ISR)};
  return {.fingerprint = drawer.take(), .isns = wishes};
}

}  // namespace trawl::simnet
