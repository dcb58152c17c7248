#pragma once

#include <random>
#include <string>
#include <string_view>

#include "osfp/database/os_database.h"
#include "osfp/database/os_scorer.h"
#include "osfp/fingerprint.h"

namespace trawl::osfp {

// How a sample strays from its entry.
enum class Straying : std::uint8_t {
  None,     // Every test as the entry asks.
  Measured  // As of a real host: some tests missing, some lines silent, some values of others.
};

// A fingerprint that a host of this entry could have: one of the alternatives of each test, any
// number of a range.
[[nodiscard]] Fingerprint draw_sample(const OsDatabase& database, const OsEntry& entry,
                                      Straying straying, std::mt19937_64& random);

// Whether a value is what an expression asks for, from the texts alone and as plainly as can be.
[[nodiscard]] bool matches_plainly(std::string_view expression, std::string_view value);

// What OsScorer gives, by the words of the Nmap book: test by test, without any preparation.
[[nodiscard]] OsScore score_plainly(const OsDatabase& database, const OsEntry& entry,
                                    const Fingerprint& measured);

}  // namespace trawl::osfp
