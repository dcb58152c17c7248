#include "osfp/classifier/os_model6.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <unordered_map>
#include <utility>

namespace trawl::osfp {
namespace {

constexpr std::size_t kLongestText = 256;

std::string_view trimmed(std::string_view text) noexcept {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view take_word(std::string_view& text) noexcept {
  text = trimmed(text);
  const std::string_view word = text.substr(0, text.find_first_of(" \t"));
  text.remove_prefix(word.size());
  return word;
}

bool take_number(std::string_view& text, double& out) noexcept {
  const std::string_view word = take_word(text);
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out);
  return error == std::errc{} && end == word.data() + word.size() && std::isfinite(out);
}

// Reads a text line by line; each function returns what is wrong with its line, or nothing.
class Reader {
 public:
  using Complaint = const char*;

  Complaint read(std::string_view line, std::size_t number) {
    std::string_view rest = line;
    const std::string_view kind = take_word(rest);
    rest = trimmed(rest);
    if (!has_version_) {
      has_version_ = kind == "Model6" && rest == "1";
      return has_version_ ? nullptr : "it does not begin with Model6 1";
    }
    if (kind == "OS") return read_os(rest, number);
    if (kind == "Scale") return read_scale(rest);
    if (kind == "Weigh") return read_weights(rest);
    if (classes_.empty()) return "it belongs to no OS";
    if (kind == "Class") return read_class(rest);
    if (kind == "CPE") return read_cpe(rest);
    if (kind == "Bias")
      return take_number(rest, classes_.back().bias) && rest.empty() ? nullptr
                                                                     : "it needs a number";
    return "lines begin with OS, Class, CPE, Bias, Scale or Weigh";
  }
  [[nodiscard]] Complaint finish() const {
    if (classes_.empty()) return "it has no OS";
    const auto all = [](const std::vector<bool>& seen) {
      return std::find(seen.begin(), seen.end(), false) == seen.end();
    };
    if (!all(scaled_) || !all(weighed_)) return "features are missing";
    return nullptr;
  }
  [[nodiscard]] OsModel6 take() { return {std::move(scales_), std::move(classes_)}; }

 private:
  Complaint read_os(std::string_view rest, std::size_t number) {
    if (rest.empty() || rest.size() > kLongestText) return "it needs a name of at most 256 bytes";
    if (classes_.size() == OsModel6::kMostClasses) return "there are more than 256";
    if (has_weights_) return "all OS lines come before those of weights";
    OsModel6::Class& added = classes_.emplace_back();
    added.name = rest;
    added.line = number;
    added.weights.resize(kFeatures6);
    return nullptr;
  }
  Complaint read_class(std::string_view rest) {
    if (rest.size() > kLongestText) return "it is too long";
    std::vector<std::string> parts;
    for (std::size_t from = 0; from <= rest.size();) {
      const std::size_t bar = std::min(rest.find('|', from), rest.size());
      parts.emplace_back(trimmed(rest.substr(from, bar - from)));
      from = bar + 1;
    }
    if (parts.size() != 4) return "it needs vendor, family, generation and type between bars";
    OsClass& added = classes_.back().classes.emplace_back();
    added.vendor = std::move(parts[0]);
    added.family = std::move(parts[1]);
    added.generation = std::move(parts[2]);
    added.type = std::move(parts[3]);
    return nullptr;
  }
  Complaint read_cpe(std::string_view rest) {
    if (classes_.back().classes.empty()) return "it comes before any Class";
    if (!rest.starts_with("cpe:/") || rest.size() > kLongestText) return "it needs cpe:/...";
    classes_.back().classes.back().cpes.emplace_back(rest);
    return nullptr;
  }
  // The place of the feature that the line names, not had before.
  Complaint take_feature(std::string_view& rest, std::vector<bool>& seen, std::size_t& place) {
    const auto found = places_.find(std::string{take_word(rest)});
    if (found == places_.end()) return "there is no such feature";
    place = found->second;
    if (seen[place]) return "the feature was there before";
    seen[place] = true;
    return nullptr;
  }
  Complaint read_scale(std::string_view rest) {
    std::size_t place = 0;
    if (const Complaint wrong = take_feature(rest, scaled_, place)) return wrong;
    OsModel6::Scale& scale = scales_[place];
    const bool good = take_number(rest, scale.offset) && take_number(rest, scale.factor);
    return good && trimmed(rest).empty() ? nullptr : "it needs an offset and a factor";
  }
  Complaint read_weights(std::string_view rest) {
    has_weights_ = true;
    std::size_t place = 0;
    if (const Complaint wrong = take_feature(rest, weighed_, place)) return wrong;
    for (OsModel6::Class& os : classes_) {
      OsModel6::Weight& w = os.weights[place];
      if (!take_number(rest, w.weight) || !take_number(rest, w.mean) ||
          !take_number(rest, w.variance) || w.variance < 0) {
        return "it needs a weight, a mean and a variance of each OS";
      }
    }
    return trimmed(rest).empty() ? nullptr : "it has more numbers than there are OS lines for";
  }

  static std::unordered_map<std::string, std::size_t> make_places() {
    std::unordered_map<std::string, std::size_t> places;
    for (std::size_t i = 0; i < kFeatures6; ++i) places.emplace(feature_name(i), i);
    return places;
  }

  const std::unordered_map<std::string, std::size_t> places_ = make_places();
  bool has_version_ = false;
  bool has_weights_ = false;
  std::vector<bool> scaled_ = std::vector<bool>(kFeatures6);
  std::vector<bool> weighed_ = std::vector<bool>(kFeatures6);
  std::vector<OsModel6::Scale> scales_ = std::vector<OsModel6::Scale>(kFeatures6);
  std::vector<OsModel6::Class> classes_;
};

}  // namespace

Result<OsModel6> OsModel6::parse(std::string_view text, std::string_view path) {
  Reader reader;
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    line = trimmed(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    if (const char* wrong = reader.read(line, number)) {
      return fail(ExitCode::BadInput, fmt::format("{}:{}: {}", path, number, wrong));
    }
  }
  if (const char* wrong = reader.finish()) {
    return fail(ExitCode::BadInput, fmt::format("{}:{}: {}", path, number, wrong));
  }
  return reader.take();
}

std::string OsModel6::print(const OsModel6& model) {
  std::string text = "Model6 1\n";
  for (const Class& os : model.classes_) {
    text += fmt::format("OS {}\n", os.name);
    for (const OsClass& one : os.classes) {
      text += fmt::format("Class {} | {} | {} | {}\n", one.vendor, one.family, one.generation,
                          one.type);
      for (const std::string& cpe : one.cpes) text += fmt::format("CPE {}\n", cpe);
    }
    text += fmt::format("Bias {:.6g}\n", os.bias);
  }
  for (std::size_t i = 0; i < kFeatures6; ++i) {
    text += fmt::format("Scale {} {:.6g} {:.6g}\n", feature_name(i), model.scales_[i].offset,
                        model.scales_[i].factor);
  }
  for (std::size_t i = 0; i < kFeatures6; ++i) {
    text += fmt::format("Weigh {}", feature_name(i));
    for (const Class& os : model.classes_) {
      const Weight& w = os.weights[i];
      text += fmt::format(" {:.4g} {:.4g} {:.4g}", w.weight, w.mean, w.variance);
    }
    text += '\n';
  }
  return text;
}

std::vector<double> OsModel6::scaled(const Features6& features) const {
  std::vector<double> scaled(kFeatures6);
  for (std::size_t i = 0; i < kFeatures6; ++i) {
    scaled[i] = (features[i] - scales_[i].offset) * scales_[i].factor;
  }
  return scaled;
}

std::vector<OsModel6::Score> OsModel6::score(const Features6& features) const {
  const std::vector<double> x = scaled(features);
  std::vector<Score> scores;
  for (const Class& os : classes_) {
    double sum = os.bias;
    double novelty = 0;
    for (std::size_t i = 0; i < kFeatures6; ++i) {
      const Weight& w = os.weights[i];
      sum += w.weight * x[i];
      const double off = x[i] - w.mean;
      novelty += off * off / std::max(w.variance, kLeastVariance);
    }
    // Numbers of a file may be so large that nothing comes of them: then it is not that class.
    const bool is_number = !std::isnan(sum) && !std::isnan(novelty);
    scores.push_back(
        {.os = &os,
         .probability = is_number ? 1 / (1 + std::exp(-sum)) : 0,
         .novelty = is_number ? std::sqrt(novelty) : std::numeric_limits<double>::infinity()});
  }
  std::stable_sort(scores.begin(), scores.end(),
                   [](const Score& a, const Score& b) { return a.probability > b.probability; });
  return scores;
}

const OsModel6::Score* OsModel6::match(const std::vector<Score>& scores) noexcept {
  if (scores.empty() || !(scores.front().novelty < kMostNovelty)) return nullptr;
  const double next = scores.size() > 1 ? scores[1].probability : 0;
  return scores.front().probability - next >= kLeastLead ? &scores.front() : nullptr;
}

}  // namespace trawl::osfp
