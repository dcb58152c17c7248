#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "osfp/active6/features6.h"
#include "osfp/database/os_database.h"

namespace trawl::osfp {

// A classifier of operating systems by their answers over IPv6, as the Nmap book describes one
// under "IPv6 matching": logistic regression, one class against all others, and a novelty, which
// says how far a fingerprint is from those of the class that the model has learned.
//
// Read from a text of lines, such as ours in data/os-model6; what follows a # is left out:
//
//   Model6 1
//   OS name                     a class, in the order of the columns below
//   Class vendor | family | generation | type     of it; any number, as in nmap-os-db...
//   CPE cpe:/o:...              ...of the Class line above
//   Bias number                 of it
//   Scale S1.PLEN offset factor a feature x counts as (x - offset) * factor; each has a line
//   Weigh S1.PLEN w m v ...     its weight, mean and variance in each class
//
// Thread: immutable once made.
class OsModel6 {
 public:
  static constexpr std::size_t kMostClasses = 256;
  static constexpr double kMostNovelty = 15;      // More is an operating system not learned.
  static constexpr double kLeastLead = 0.1;       // Of the best before the next, of 1.
  static constexpr double kLeastVariance = 0.01;  // Of scaled features, when novelty is measured.

  struct Weight {
    double weight = 0;
    double mean = 0;
    double variance = 0;
  };
  struct Scale {
    double offset = 0;
    double factor = 1;
  };
  struct Class {
    std::string name;
    std::size_t line = 0;  // Of its OS line.
    std::vector<OsClass> classes;
    double bias = 0;
    std::vector<Weight> weights;  // kFeatures6.
  };

  // Fails with BadInput, "path:line: reason", when a line cannot be read, a feature is missing, or
  // a number is not finite.
  [[nodiscard]] static Result<OsModel6> parse(std::string_view text, std::string_view path);
  [[nodiscard]] static std::string print(const OsModel6& model);
  // Needs kFeatures6 scales and weights of each class.
  OsModel6(std::vector<Scale> scales, std::vector<Class> classes)
      : scales_{std::move(scales)}, classes_{std::move(classes)} {}

  struct Score {
    const Class* os = nullptr;
    double probability = 0;  // 0 to 1.
    double novelty = 0;      // Of squared distances over variances, the root of the sum.
  };
  // Of all classes, the likeliest first.
  [[nodiscard]] std::vector<Score> score(const Features6& features) const;
  // The class that a host has; nullptr rather than a wrong one: when the likeliest is too novel, or
  // too close to the next.
  [[nodiscard]] static const Score* match(const std::vector<Score>& scores) noexcept;

  [[nodiscard]] std::vector<double> scaled(const Features6& features) const;
  [[nodiscard]] const std::vector<Class>& classes() const noexcept { return classes_; }
  [[nodiscard]] const std::vector<Scale>& scales() const noexcept { return scales_; }

 private:
  std::vector<Scale> scales_;
  std::vector<Class> classes_;
};

// data/os-model6, which is part of the program.
[[nodiscard]] std::string_view builtin_model6_text() noexcept;
inline constexpr std::string_view kOwnModel6Path = "os-model6 (built in)";

}  // namespace trawl::osfp
