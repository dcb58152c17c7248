#include "control/survey/rate_history.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/survey/json_object.h"
#include "control/survey/status.h"

namespace trawl::control {
namespace {

using Seconds = std::chrono::duration<double>;

// `into` and the point that follows it.
void merge(RatePoint& into, const RatePoint& next) {
  const double first = Seconds{into.length}.count();
  const double second = Seconds{next.length}.count();
  if (into.asked < 0.0 || next.asked < 0.0) {
    into.asked = -1.0;
  } else if (first + second > 0.0) {
    into.asked = (into.asked * first + next.asked * second) / (first + second);
  }
  // A pause between the two belongs to neither.
  into.length += next.length;
  into.sent += next.sent;
  into.found += next.found;
  if (next.reason) into.reason = next.reason;
}

// Every `count` points as one.
std::vector<RatePoint> merged(std::span<const RatePoint> points, std::size_t count) {
  std::vector<RatePoint> result;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (i % count == 0) {
      result.push_back(points[i]);
    } else {
      merge(result.back(), points[i]);
    }
  }
  return result;
}

}  // namespace

double RatePoint::rate() const noexcept {
  const double seconds = Seconds{length}.count();
  return seconds > 0.0 ? static_cast<double>(sent) / seconds : 0.0;
}

void RateHistory::add(const RatePoint& point) {
  if (!points_.empty() && points_.back().length + point.length / 2 < span_) {
    merge(points_.back(), point);
    return;
  }
  if (points_.size() == kMost) {
    points_ = merged(points_, 2);
    span_ = std::max(2 * span_, points_.front().length);
  }
  points_.push_back(point);
}

void RateHistory::add_found(std::uint64_t found) {
  if (!points_.empty()) points_.back().found += found;
}

std::string format_history_json(std::span<const RatePoint> points) {
  std::string json = "[";
  for (const RatePoint& point : points) {
    if (json.size() > 1) json += ',';
    JsonObject object{JsonObject::Layout::OneLine};
    object.number("time_s", Seconds{point.start}.count())
        .number("seconds", Seconds{point.length}.count());
    if (point.asked < 0.0) {
      object.null("asked_pps");
    } else {
      object.number("asked_pps", point.asked);
    }
    object.number("sent_pps", point.rate()).number("sent", point.sent).number("found", point.found);
    if (point.reason) object.text("reason", to_string(*point.reason));
    json += object.done();
  }
  return json + ']';
}

std::string format_history(std::span<const RatePoint> points) {
  if (points.size() < 2) return {};
  const std::size_t each = (points.size() + kMostHistoryWords - 1) / kMostHistoryWords;
  std::string text;
  for (const RatePoint& point : merged(points, each)) {
    // "38.1 Kp/s" as "38.1K".
    std::string rate = format_rate(point.rate());
    rate.resize(rate.size() - std::string_view{"p/s"}.size());
    std::erase(rate, ' ');
    text += rate + ' ';
  }
  return text + "p/s";
}

}  // namespace trawl::control
