#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/service_fact.h"
#include "control/banners/banner_questions.h"
#include "service/match/match_engine.h"

namespace trawl::control {

// What a banner's bytes say, without the port they come from.
struct Recognition {
  std::string service{};  // "" where no line matches.
  bool is_tls = false;
  std::array<std::string, service::MatchLine::kFields> fields{};  // By MatchLine::Field.
  std::vector<std::string> cpes{};
  std::uint32_t line = 0;  // Of the probe file.
};

// Tells services by their first bytes, as version detection does by the same lines: those of the
// probe that was sent, of those it falls back to, and NULL's. Bytes that begin as TLS do are TLS,
// whatever they answer.
//
// Millions of servers say the same few things, so what was said before is remembered: all of it,
// since a hash that collides would let one server speak for another. What does not fit any more is
// forgotten, the oldest first.
//
// Thread: any number may call recognise() at once.
// Cost:   bench/control/banner_recogniser_bench.cc.
class BannerRecogniser {
 public:
  static constexpr std::size_t kMostRemembered = std::size_t{32} << 20U;  // Bytes of banners.

  BannerRecogniser(std::shared_ptr<const service::MatchEngine> engine,
                   std::shared_ptr<const service::ProbeFile> file, BannerQuestions questions,
                   std::size_t most_remembered = kMostRemembered);

  // What was said to `payload` of the plan. Never nullptr. Needs a payload of the questions.
  [[nodiscard]] std::shared_ptr<const Recognition> recognise(std::uint8_t payload,
                                                             std::string_view bytes) const;
  [[nodiscard]] const BannerQuestions& questions() const noexcept { return questions_; }
  // Banners that were remembered, of all.
  [[nodiscard]] std::uint64_t remembered() const noexcept {
    return remembered_.load(std::memory_order_relaxed);
  }

 private:
  using Known = std::shared_ptr<const Recognition>;
  // Two generations: when the younger is full the older is forgotten.
  struct Shelf {
    std::mutex mutex{};
    std::unordered_map<std::string, Known> young{};
    std::unordered_map<std::string, Known> old{};
    std::size_t bytes = 0;  // Of `young`.
  };
  static constexpr std::size_t kShelves = 16;
  static constexpr std::size_t kOverhead = 256;  // Of an entry, about.

  [[nodiscard]] Known look_at(std::uint8_t payload, std::string_view bytes) const;
  [[nodiscard]] Known find(Shelf& shelf, const std::string& key) const;
  void keep(Shelf& shelf, std::string key, Known known) const;

  std::shared_ptr<const service::MatchEngine> engine_;
  std::shared_ptr<const service::ProbeFile> file_;
  BannerQuestions questions_;
  std::size_t most_of_shelf_;
  mutable std::array<Shelf, kShelves> shelves_;
  mutable std::atomic<std::uint64_t> remembered_{0};
};

}  // namespace trawl::control
