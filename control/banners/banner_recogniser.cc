#include "control/banners/banner_recogniser.h"

#include <functional>
#include <utility>

#include "control/banners/tls_record.h"

namespace trawl::control {

BannerRecogniser::BannerRecogniser(std::shared_ptr<const service::MatchEngine> engine,
                                   std::shared_ptr<const service::ProbeFile> file,
                                   BannerQuestions questions, std::size_t most_remembered)
    : engine_{std::move(engine)},
      file_{std::move(file)},
      questions_{std::move(questions)},
      most_of_shelf_{most_remembered / (2 * kShelves)} {}

auto BannerRecogniser::recognise(std::uint8_t payload, std::string_view bytes) const -> Known {
  std::string key;
  key.reserve(bytes.size() + 1);
  key += static_cast<char>(payload);
  key += bytes;
  Shelf& shelf = shelves_[std::hash<std::string_view>{}(key) >> 8U & (kShelves - 1)];
  if (Known known = find(shelf, key)) return known;
  Known known = look_at(payload, bytes);
  keep(shelf, std::move(key), known);
  return known;
}

auto BannerRecogniser::find(Shelf& shelf, const std::string& key) const -> Known {
  const std::scoped_lock lock{shelf.mutex};
  auto at = shelf.young.find(key);
  if (at == shelf.young.end()) {
    const auto old = shelf.old.find(key);
    if (old == shelf.old.end()) return nullptr;
    shelf.bytes += key.size() + kOverhead;
    at = shelf.young.insert(shelf.old.extract(old)).position;
  }
  remembered_.fetch_add(1, std::memory_order_relaxed);
  return at->second;
}

void BannerRecogniser::keep(Shelf& shelf, std::string key, Known known) const {
  const std::size_t size = key.size() + kOverhead;
  if (size > most_of_shelf_) return;
  const std::scoped_lock lock{shelf.mutex};
  if (shelf.bytes + size > most_of_shelf_) {
    shelf.old = std::exchange(shelf.young, {});
    shelf.bytes = 0;
  }
  if (shelf.young.emplace(std::move(key), std::move(known)).second) shelf.bytes += size;
}

auto BannerRecogniser::look_at(std::uint8_t payload, std::string_view bytes) const -> Known {
  auto found = std::make_shared<Recognition>();
  const std::size_t probe = questions_.payloads[payload].probe;
  if (auto match = engine_->match({.probe = probe, .response = bytes})) {
    found->service = std::move(match->service);
    found->is_tls = match->is_tls;
    found->fields = std::move(match->fields);
    found->cpes = std::move(match->cpes);
    found->line =
        static_cast<std::uint32_t>(file_->probes[match->probe].matches[match->index].line);
  }
  if (begins_as_tls(bytes)) {
    found->is_tls = true;
    if (found->service.empty()) found->service = "ssl";
  }
  return found;
}

}  // namespace trawl::control
