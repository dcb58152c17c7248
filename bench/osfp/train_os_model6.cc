// Makes data/os-model6 of the fingerprints in data/os-prints6:
//
//   train_os_model6 data/os-prints6 > data/os-model6
//
// The file has, of each class, its OS, Class and CPE lines as in a model, then Print lines, each
// with a fingerprint in one line (line breaks and SCAN left out). The same file makes the same
// model: there is no chance in it. One class against all others, by descent along the gradient of
// the logistic loss, with a penalty on the squares of the weights.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "osfp/active6/features6.h"
#include "osfp/classifier/os_model6.h"

namespace {

using namespace trawl::osfp;

constexpr unsigned kSteps = 2000;
constexpr double kPenalty = 0.01;

struct Example {
  std::size_t os;
  Features6 features;
  std::vector<double> scaled;
};

struct Prints {
  std::vector<OsModel6::Class> classes;
  std::vector<Example> examples;
};

// As it was measured, and as the same host is seen from behind a router (no NS), with a filter
// before UDP (no U1) or before closed ports (no T5 to T7), and with more than one of these.
void add_variants(const Fingerprint6& print, Prints& prints) {
  using Group = std::vector<Probe6>;
  const Group groups[] = {{Probe6::Neighbour}, {Probe6::Udp}, {Probe6::T5, Probe6::T6, Probe6::T7}};
  for (unsigned variant = 0; variant < 8; ++variant) {
    Fingerprint6 seen = print;
    for (unsigned i = 0; i < 3; ++i) {
      if ((variant >> i & 1U) == 0) continue;
      for (const Probe6 probe : groups[i]) seen.lines[index_of(probe)].reset();
    }
    prints.examples.push_back({prints.classes.size() - 1, features_of(seen), {}});
  }
}

bool read_line(const std::string& line, Prints& prints) {
  const std::size_t space = line.find(' ');
  if (line.empty() || line[0] == '#') return true;
  if (space == std::string::npos) return false;
  const std::string kind = line.substr(0, space);
  const std::string rest = line.substr(space + 1);
  if (kind == "OS") {
    prints.classes.emplace_back().name = rest;
    prints.classes.back().weights.resize(kFeatures6);
    return true;
  }
  if (prints.classes.empty()) return false;
  std::vector<OsClass>& classes = prints.classes.back().classes;
  if (kind == "Class") {
    std::vector<std::string> parts{""};
    for (const char c : rest) {
      if (c == '|') {
        parts.emplace_back();
      } else {
        parts.back() += c;
      }
    }
    if (parts.size() != 4) return false;
    for (std::string& part : parts) {
      part.erase(0, part.find_first_not_of(' '));
      part.erase(part.find_last_not_of(' ') + 1);
    }
    OsClass& added = classes.emplace_back();
    added.vendor = parts[0];
    added.family = parts[1];
    added.generation = parts[2];
    added.type = parts[3];
    return true;
  }
  if (kind == "CPE" && !classes.empty()) {
    classes.back().cpes.push_back(rest);
    return true;
  }
  if (kind != "Print") return false;
  const auto fingerprint = Fingerprint6::parse(rest);
  if (!fingerprint) return false;
  add_variants(*fingerprint, prints);
  return true;
}

// Into [0, 1]. What never differs counts by how far it is from what it always was.
std::vector<OsModel6::Scale> scales_of(const std::vector<Example>& examples) {
  std::vector<OsModel6::Scale> scales(kFeatures6);
  for (std::size_t i = 0; i < kFeatures6; ++i) {
    double least = examples.front().features[i];
    double most = least;
    for (const Example& example : examples) {
      least = std::min(least, example.features[i]);
      most = std::max(most, example.features[i]);
    }
    scales[i].offset = least;
    scales[i].factor = 1 / (most > least ? most - least : std::max(1.0, std::abs(least)));
  }
  return scales;
}

void learn(const Prints& prints, std::size_t number, OsModel6::Class& os) {
  const auto count = static_cast<double>(prints.examples.size());
  // The loss bends no more than a quarter of the greatest square of an example.
  double greatest = 1;
  for (const Example& example : prints.examples) {
    double square = 1;
    for (const double x : example.scaled) square += x * x;
    greatest = std::max(greatest, square);
  }
  const double step = 1 / (greatest / 4 + kPenalty);
  for (unsigned turn = 0; turn < kSteps; ++turn) {
    std::vector<double> gradient(kFeatures6);
    double of_bias = 0;
    for (const Example& example : prints.examples) {
      double sum = os.bias;
      for (std::size_t i = 0; i < kFeatures6; ++i) sum += os.weights[i].weight * example.scaled[i];
      const double wrong = 1 / (1 + std::exp(-sum)) - (example.os == number ? 1 : 0);
      for (std::size_t i = 0; i < kFeatures6; ++i) gradient[i] += wrong * example.scaled[i] / count;
      of_bias += wrong / count;
    }
    for (std::size_t i = 0; i < kFeatures6; ++i) {
      os.weights[i].weight -= step * (gradient[i] + kPenalty / count * os.weights[i].weight);
    }
    os.bias -= step * of_bias;
  }
}

void measure(const Prints& prints, std::size_t number, OsModel6::Class& os) {
  double count = 0;
  for (const Example& example : prints.examples) count += example.os == number ? 1 : 0;
  for (std::size_t i = 0; i < kFeatures6; ++i) {
    OsModel6::Weight& w = os.weights[i];
    for (const Example& example : prints.examples) {
      if (example.os == number) w.mean += example.scaled[i] / count;
    }
    for (const Example& example : prints.examples) {
      const double off = example.scaled[i] - w.mean;
      if (example.os == number) w.variance += off * off / count;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: train_os_model6 FILE\n", stderr);
    return 2;
  }
  Prints prints;
  std::ifstream file{argv[1]};
  unsigned number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (read_line(line, prints)) continue;
    fmt::print(stderr, "{}:{}: this line cannot be read\n", argv[1], number);
    return 3;
  }
  if (prints.examples.empty()) {
    fmt::print(stderr, "{}: no fingerprints\n", argv[1]);
    return 3;
  }
  std::vector<OsModel6::Scale> scales = scales_of(prints.examples);
  const OsModel6 scaler{scales, {}};
  for (Example& example : prints.examples) example.scaled = scaler.scaled(example.features);
  for (std::size_t i = 0; i < prints.classes.size(); ++i) {
    learn(prints, i, prints.classes[i]);
    measure(prints, i, prints.classes[i]);
  }
  std::fputs(OsModel6::print({std::move(scales), std::move(prints.classes)}).c_str(), stdout);
  return 0;
}
